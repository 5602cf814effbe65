#!/bin/sh
# Builds a recipe's system at two commits, writes what differs as a comment of
# the review, and fails when it grew by more than is allowed. The GitHub action
# and the GitLab template call it; it runs by hand as well:
#
#   RECIPE=mine.toml BASE=origin/main packaging/size-review.sh
#   packaging/size-review.sh compare A B     two records, recipes or output folders
#
# It works in the repository's folder and takes from the environment:
#
#   RECIPE         the recipe's path
#   BASE           the commit to compare with
#   COMMAND        build, or check: boots it, too [build]
#   MAX_GROWTH     so much may it grow, such as 4KiB [no limit but the recipe's]
#   OVERRIDE       true: what is over the budget is told and doesn't fail
#   FORGE          where the comment goes: github, gitlab, none [none]
#   REVIEW         the pull or merge request's number
#   GITHUB_TOKEN, GITLAB_TOKEN   who writes it
#   WORK           the folder for comment.md, base.log and head.log
#
# It ends with 0, with 6 when over the budget, else with tuxling's exit code.
set -eu

WORK=${WORK:-${RUNNER_TEMP:-${TMPDIR:-/tmp}}/size-review}
comment=$WORK/comment.md
label=size-budget-override
fence='```'
base_tree=$WORK/base
over=6
status=0

main() {
    mkdir -p "$WORK"
    rm -f "$WORK"/*.log
    case ${1:-} in
    compare)
        RECIPE=${RECIPE:-$3}
        begin
        compare "$2" "$3"
        ;;
    '')
        begin
        review
        ;;
    *)
        echo "size-review.sh: unknown command $1" >&2
        exit 1
        ;;
    esac
    verdict
    post
    exit "$status"
}

# The first line is how the comment of an earlier run is found again.
begin() {
    marker="<!-- tuxling: $RECIPE -->"
    printf '%s\n' "$marker" >"$comment"
}

review() {
    git worktree remove --force "$base_tree" 2>/dev/null || true
    git worktree prune
    git worktree add --quiet --detach "$base_tree" "$BASE"
    measure head . || status=$?
    case $status in
    0 | "$over") ;;
    *)
        failed head "$RECIPE does not build"
        return
        ;;
    esac
    before=0
    measure base "$base_tree" || before=$?
    if [ "$before" = 0 ] || [ "$before" = "$over" ]; then
        compare "$base_tree/$RECIPE" "$RECIPE"
    else
        failed base "$RECIPE does not build at the base: there is nothing to compare with"
    fi
}

# Builds the recipe of one tree; what is said is shown as it comes, and kept.
measure() {
    {
        measured=0
        (cd "$2" && tuxling "${COMMAND:-build}" "$RECIPE") || measured=$?
        echo "$measured" >"$WORK/$1.code"
    } 2>&1 >"$WORK/$1.txt" | tee "$WORK/$1.log" >&2
    return "$(cat "$WORK/$1.code")"
}

failed() {
    {
        echo "### $2"
        said "$1"
    } >>"$comment"
}

# What differs. Over the growth that is allowed is told at the end.
compare() {
    grown=0
    set -- diff "$1" "$2" --markdown
    [ -z "${MAX_GROWTH:-}" ] || set -- "$@" --fail-over "$MAX_GROWTH"
    tuxling "$@" >>"$comment" 2>"$WORK/diff.log" || grown=$?
    case $grown in
    0) ;;
    "$over") status=$over ;;
    *)
        cat "$WORK/diff.log" >&2
        exit "$grown"
        ;;
    esac
}

# Says what is over the budget, and whether that counts.
verdict() {
    [ "$status" = "$over" ] || return 0
    {
        echo
        if [ "${OVERRIDE:-false}" = true ]; then
            echo "**Over the budget; the label \`$label\` allows it.**"
            status=0
        else
            echo "**Over the budget.** Where it is worth it, the label \`$label\` allows it."
        fi
        # What the recipe's own budget says, and the growth that is allowed.
        for log in head diff; do
            [ ! -f "$WORK/$log.log" ] || said "$log"
        done
    } >>"$comment"
}

# An error with what stands below it, as a block of code.
said() {
    lines=$(sed -n "/^error: /,\$ { s|$base_tree/\($RECIPE\)|\1 at the base|; p; }" "$WORK/$1.log" | tail -n 20)
    [ -z "$lines" ] || printf '\n%s\n%s\n%s\n' "$fence" "$lines" "$fence"
}

# A comment that can't be written (the token of a fork may only read) is no
# verdict on the system.
post() {
    [ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$comment" >>"$GITHUB_STEP_SUMMARY"
    case ${FORGE:-none} in
    github) post_github || warn ;;
    gitlab) post_gitlab || warn ;;
    none) cat "$comment" ;;
    esac
}

warn() {
    echo "size-review.sh: the comment could not be written; it stands in $comment" >&2
}

# Writes a new comment, or anew the one of an earlier run, where it is among the
# first hundred. `list` is where they are listed and added, `one` where one of
# them is changed.
write() {
    list=$1 one=$2 change=$3
    earlier=$(call "$list?per_page=100" |
        jq -r --arg marker "$marker" 'map(select(.body | startswith($marker))) | .[0].id // empty') || return 1
    set -- --request POST "$list"
    [ -z "$earlier" ] || set -- --request "$change" "$one/$earlier"
    jq --raw-input --slurp '{body: .}' "$comment" |
        call --header 'Content-Type: application/json' --data-binary @- "$@" >/dev/null
}

call() {
    curl --silent --show-error --fail --header "$token" "$@"
}

# GITHUB_API_URL and GITHUB_REPOSITORY are set by the runner.
post_github() {
    token="Authorization: Bearer $GITHUB_TOKEN"
    issues=$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues
    write "$issues/$REVIEW/comments" "$issues/comments" PATCH
}

# CI_API_V4_URL and CI_PROJECT_ID are set by GitLab.
post_gitlab() {
    token="PRIVATE-TOKEN: $GITLAB_TOKEN"
    notes=$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests/$REVIEW/notes
    write "$notes" "$notes" PUT
}

main "$@"
