#!/bin/sh
# What a machine is made of, for `tuxling hw import`: the same that `tuxling hw
# save` writes, without tuxling. Needs sh, sed, awk, find, ls and tr; no root.
#
#   sh save.sh > laptop.hw
#
# Nothing that tells whose machine it is comes out: see the last lines. Another
# root than / may be given as the argument.
export LC_ALL=C
root=${1%/}
tab=$(printf '\t')

# Every device that has a modalias: where it is, the alias, driver and module. A
# small machine takes long to start programs: links are listed all at once.
devices() {
    (
        cd "$root/sys" 2>/dev/null || exit
        find devices -name modalias -type f 2>/dev/null | while read -r file; do
            alias=
            read -r alias 2>/dev/null <"$file"
            printf 'alias\t%s\t%s\n' "${file%/modalias}" "$alias"
        done
        find devices \( -name subsystem -o -name driver \) -type l -exec ls -ld {} + 2>/dev/null
        ls -ld bus/*/drivers/*/module 2>/dev/null
    ) | awk -F '\t' '
        $1 == "alias" { if ($3 != "") { alias[$2] = $3; order[++count] = $2 }; next }
        match($0, / (devices|bus)\/.* -> /) {
            from = substr($0, RSTART + 1, RLENGTH - 5)
            to[from] = substr($0, RSTART + RLENGTH)
        }
        function last(path) { sub(/.*\//, "", path); return path }
        END {
            for (n = 1; n <= count; n++) {
                at = order[n]
                driver = to[at "/driver"]
                in_bus = driver
                sub(/.*\/bus\//, "bus/", in_bus)
                module = driver == "" ? "" : to[in_bus "/module"]
                printf "at\t%s %s\n", last(to[at "/subsystem"]), last(at)
                printf "alias\t%s\t%s\t%s\n", alias[at], last(driver), last(module)
            }
        }'
}

# Only these: the others have serial numbers and asset tags.
firmware_words() {
    for name in bios_vendor bios_version board_name board_vendor board_version \
        chassis_type chassis_vendor product_family product_name product_version sys_vendor; do
        word=
        read -r word 2>/dev/null <"$root/sys/class/dmi/id/$name" || [ -n "$word" ] || continue
        printf 'dmi\t%s\t%s\n' "$name" "$word"
    done
}

# What is known of the first processor, but for its serial number.
processor() {
    words='vendor_id|cpu family|model|model name|stepping|microcode|flags|bugs|Features'
    words="$words|CPU implementer|CPU architecture|CPU variant|CPU part|CPU revision"
    words="$words|Hardware|isa|mmu"
    sed -E -n -e '/^$/q' -e "s/^($words)[ $tab]*:/cpu$tab&/p" "$root/proc/cpuinfo" 2>/dev/null
}

# Values only of words that are about hardware alone.
command_line() {
    set -f
    line=
    read -r words 2>/dev/null <"$root/proc/cmdline"
    for word in $words; do
        case $word in
        acpi=* | acpi_osi=* | amd_iommu=* | apic=* | clocksource=* | console=* | \
            earlyprintk=* | i8042.*=* | intel_iommu=* | iommu=* | libata.force=* | \
            loglevel=* | maxcpus=* | mem=* | mitigations=* | panic=* | pci=* | \
            pcie_aspm=* | reboot=* | rootfstype=* | tsc=* | video=* | vga=*) ;;
        *=*) word="${word%%=*}=…" ;;
        esac
        line="$line $word"
    done
    set +f
    printf 'cmdline\t%s\n' "${line# }"
}

# Places and devices that many machines have; of all others only the kind.
mounts() {
    while read -r from at kind rest; do
        case $from in
        /dev/mapper/*) from=/dev/mapper/… ;;
        /dev/*[!a-z0-9A-Z]*/* | /dev/*/*) from=… ;;
        /dev/*) ;;
        "$kind" | none) from=$kind ;;
        *) from=… ;;
        esac
        case $at in
        / | /boot | /boot/efi | /dev | /dev/shm | /dev/pts | /efi | /home | /opt | /proc | \
            /run | /srv | /sys | /tmp | /usr | /usr/local | /var | /var/log) ;;
        *) at=… ;;
        esac
        printf 'mount\t%s %s %s\n' "$from" "$at" "$kind"
    done 2>/dev/null <"$root/proc/mounts"
}

# The lines of the kernel's configuration, but for texts.
configuration() {
    {
        gzip -dc "$root/proc/config.gz" 2>/dev/null || cat "$root/boot/config-$kernel" 2>/dev/null
    } | sed -n -e '/"/d' -e "s/^CONFIG_/config${tab}CONFIG_/p"
}

# The names alone of files that were loaded, of a log that may be read.
firmware() {
    [ -z "$root" ] || return
    dmesg 2>/dev/null | sed -e '/[Ff]irmware/!d' -e '/[Ff]ail/d' -e '/[Ee]rror/d' | tr ' ' '\n' |
        tr -d "\"'(),:" | sort -u |
        sed -E -n "s/^[a-zA-Z0-9/._+-]+\.(bin|fw|ucode|sfi|ddc|hcd|mbn|pnvm|tlv|dat)\$/firmware$tab&/p"
}

kernel=
read -r kernel 2>/dev/null <"$root/proc/sys/kernel/osrelease"

# The machine's own names as patterns of sed, whatever their case.
names() {
    for file in proc/sys/kernel/hostname proc/sys/kernel/domainname etc/hostname; do
        name=
        read -r name 2>/dev/null <"$root/$file"
        printf '%s\n%s\n' "$name" "${name%%.*}"
    done | tr 'A-Z' 'a-z' | sort -ru | while read -r name; do
        case $name in
        ? | '' | '(none)' | localhost | debian | linux | pc | vm) continue ;;
        esac
        pattern=$(printf '%s' "$name" | sed -e 's/[^a-z0-9-]/./g' \
            -e 's/a/[aA]/g;s/b/[bB]/g;s/c/[cC]/g;s/d/[dD]/g;s/e/[eE]/g;s/f/[fF]/g;s/g/[gG]/g' \
            -e 's/h/[hH]/g;s/i/[iI]/g;s/j/[jJ]/g;s/k/[kK]/g;s/l/[lL]/g;s/m/[mM]/g;s/n/[nN]/g' \
            -e 's/o/[oO]/g;s/p/[pP]/g;s/q/[qQ]/g;s/r/[rR]/g;s/s/[sS]/g;s/t/[tT]/g;s/u/[uU]/g' \
            -e 's/v/[vV]/g;s/w/[wW]/g;s/x/[xX]/g;s/y/[yY]/g;s/z/[zZ]/g')
        printf 's/%s/…/g\n' "$pattern"
    done
}

# Addresses of cards and networks, UUIDs, names of cards that hold an address,
# the machine's names. Numbers of devices stay, and the words of processors, of
# modules and of options, which are the same on all machines.
hide() {
    sed -E -e "/^alias${tab}dmi:/b hide" -e "/^(alias|cpu|module|config)$tab/b" -e ': hide' \
        -e 's/[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}/…/g' \
        -e 's/[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5,19}/…/g' \
        -e 's/[a-z][a-z]x[0-9a-f]{12}[-:0-9A-Za-z.]*/…/g' \
        -e 's/[0-9A-Fa-f]{32}/…/g' \
        -e 's/([0-9]{1,3}\.){3}[0-9]{1,3}/…/g' \
        -e "$(names)"
}

printf 'tuxling.hw.text/1\n'
{
    printf 'kernel\t%s\n' "$kernel"
    firmware_words
    processor
    command_line
    sed -e "s/^/module$tab/" "$root/proc/modules" 2>/dev/null
    sed -n -e '1d' -e 's/^[^:]*: *//' -e ': count' -e 's/^[0-9][0-9]*  *//' -e 't count' \
        -e "s/^/interrupt$tab/p" "$root/proc/interrupts" 2>/dev/null
    mounts
    firmware
    configuration
    devices
} | hide
