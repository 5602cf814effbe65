#!/bin/sh
# Runs BusyBox's own tests with nothing but the recipe's applets, and says a
# verdict for each on the console. It is the init of a boot of its own.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin:/suite/bin
export THIS_SH=/bin/sh
export bindir=/suite tsdir=/suite/testsuite SKIP_INTERNET_TESTS=1
mount -t proc proc /proc
[ -c /dev/null ] || mount -t devtmpfs dev /dev

# Runs a command with its output in /suite/out; whoever hangs is ended.
limited() {
	"$@" >/suite/out 2>&1 </dev/null &
	pid=$!
	(
		sleep 30
		kill -9 $pid
	) >/dev/null 2>&1 &
	dog=$!
	wait $pid
	status=$?
	kill $dog 2>/dev/null
	return $status
}

# shell/ash_test: what a script prints is what stands beside it.
cd /suite/shell/ash_test
for script in ash-*/*.tests; do
	name=${script%.tests}
	[ -f "$name.right" ] || continue
	cd "${script%/*}"
	limited $THIS_SH "./${script##*/}"
	cd ..
	if [ "$(cat /suite/out; echo .)" = "$(cat "$name.right"; echo .)" ]; then
		echo "verdict PASS shell/$name"
	else
		echo "verdict FAIL shell/$name"
	fi
done

# testsuite/APPLET/*: scripts that end with status 0, each in a folder of its
# own. testsuite/APPLET.tests say their verdicts themselves.
cd /suite/testsuite
. /suite/flags
for applet in $applets; do
	for script in $applet/*; do
		[ -f "$script" ] || continue
		cd "/suite/scratch/${script##*/}"
		d=$tsdir limited $THIS_SH -x -e "/suite/testsuite/$script"
		case $? in
		0) echo "verdict PASS testsuite/$script" ;;
		*) echo "verdict FAIL testsuite/$script" ;;
		esac
		cd /suite/testsuite
	done
	[ -f $applet.tests ] || continue
	limited $THIS_SH ./$applet.tests
	while read -r line; do
		case $line in
		PASS:* | FAIL:* | SKIPPED:*) echo "verdict ${line%%:*} testsuite/$applet:${line#*:}" ;;
		esac
	done </suite/out
done
echo "verdicts end"
reboot -f
