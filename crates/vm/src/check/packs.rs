//! Packs: for each applet its ordinary uses and its ordinary errors, as its
//! manual has them, and for the shell what it can do to a kernel by itself. They
//! are typed at the console because the applet is there, whether a check uses it
//! or not: what they run is what a person can do next.
//!
//! Nothing that is printed is judged. A line that waits for its reader has a
//! pause and Ctrl-C behind it ([`super::typist`]).

/// What the shell alone does to files, processes and the kernel's settings.
pub(super) const SHELL: &[&str] = &[
    "for f in /proc/sys/*/*; do read L <$f; done 2>/dev/null\r",
    "for f in /proc/sys/net/*/*; do read L <$f; done 2>/dev/null\r",
    "for f in /proc/* /proc/net/* /proc/self/*; do test -f $f && test $f != /proc/kmsg && read L <$f; done 2>/dev/null\r",
    "L=$(read N </proc/sys/kernel/printk; echo $N); echo $L >/proc/sys/kernel/printk\r",
    "echo x >/proc/sys/kernel/printk; echo 99999999999 >/proc/sys/kernel/pid_max\r",
    "echo 1 >/proc/sys/vm/drop_caches; echo 0 >/proc/self/oom_score_adj\r",
    "echo pack >/proc/sys/kernel/hostname; echo x >/proc/cpuinfo\r",
    "echo x >/dev/full; echo x >/dev/null; read L </dev/zero; echo x >/dev/console\r",
    "for i in 1 2 3 4 5 6 7 8; do (exit $i) & done; wait\r",
    "(kill -SEGV $$) & (kill -STOP $$; kill -CONT $$) & wait\r",
    "ulimit -n 16; ulimit -c 0; ulimit -s 4096; ulimit -a\r",
    "(ulimit -v 4000; echo $(echo deep)); (ulimit -f 1; echo x >/pack-file)\r",
    "trap 'echo hup' HUP; kill -HUP $$; trap '' INT; trap - INT HUP\r",
    "echo a | (read A; echo $A) | (read B; echo $B); : | :; : & :\r",
    "exec 4<>/pack-file; echo some >&4; exec 4>&-; : >>/pack-file; cd /proc/self; cd /\r",
];

/// By applets.
pub(super) const APPLETS: &[(&str, &[&str])] = &[
    (
        "arp",
        &["arp; arp -n; arp -s 10.0.2.9 52:54:00:00:00:09; arp -d 10.0.2.9; arp -d 10.0.2.8\r"],
    ),
    ("brctl", &["brctl show; brctl addbr pack0\r"]),
    (
        "cat",
        &["cat /proc/version /nowhere /; cat </dev/null; cat /etc/inittab >/pack-file\r"],
    ),
    ("chgrp", &["chgrp 0 /pack-file; chgrp 0 /nowhere\r"]),
    (
        "chmod",
        &["chmod 600 /pack-file; chmod u+x,go-r /pack-file; chmod 600 /nowhere /proc/version\r"],
    ),
    (
        "chown",
        &["chown 1:1 /pack-file; chown 0:0 /pack-file; chown 1 /nowhere\r"],
    ),
    (
        "chroot",
        &["chroot / /bin/sh -c true; chroot /nowhere /bin/sh\r"],
    ),
    (
        "cp",
        &[
            "cp /etc/inittab /pack-copy; cp -a /etc /pack-etc; cp /nowhere /pack-copy; cp /etc /pack-copy\r",
        ],
    ),
    (
        "date",
        &[
            "date; date -u; date +%s; date -s 2031-02-03; date -s '2025-06-07 08:09:10'; date -s soon\r",
        ],
    ),
    (
        "dd",
        &[
            "dd if=/dev/zero of=/pack-zeros bs=4k count=64; dd if=/pack-zeros of=/dev/null skip=3\r",
            "dd if=/pack-zeros of=/pack-zeros bs=1k seek=2000 count=1 conv=notrunc; dd if=/dev/urandom of=/dev/null bs=256 count=4\r",
            "dd if=/nowhere of=/dev/null; dd if=/dev/zero of=/dev/full count=1\r",
        ],
    ),
    ("df", &["df; df /; df /proc /nowhere\r"]),
    ("dmesg", &["dmesg; dmesg -n 3; dmesg -c\r"]),
    ("du", &["du -s /etc; du /nowhere\r"]),
    ("env", &["env; env -i A=b /bin/sh -c true\r"]),
    (
        "find",
        &["find / -xdev -name '*tab'; find / -xdev -size +4k -type f; find /nowhere\r"],
    ),
    (
        "flock",
        &["flock /pack-file true; flock -n /pack-file true\r"],
    ),
    ("free", &["free; free -m\r"]),
    ("ftpget", &["ftpget 127.0.0.1 /pack-got /nowhere\r"]),
    (
        "grep",
        &["grep -r init /etc; grep -c x /nowhere; grep -q root /etc/inittab\r"],
    ),
    ("head", &["head -n 2 /etc/inittab; head -c 5 /nowhere\r"]),
    (
        "hexdump",
        &["hexdump /etc/inittab; hexdump -n 4 /dev/urandom\r"],
    ),
    (
        "hostname",
        &["hostname; hostname pack; hostname -F /nowhere; hostname ''\r"],
    ),
    ("httpd", &["httpd -p 8181 -h /; httpd -p 8181 -h /\r"]),
    ("hwclock", &["hwclock -r; hwclock -w; hwclock -s\r"]),
    ("id", &["id; id nobody\r"]),
    (
        "ifconfig",
        &[
            "ifconfig; ifconfig -a; ifconfig lo; ifconfig lo 127.0.0.1 up; ifconfig no0; ifconfig no0 up\r",
            "ifconfig eth0; ifconfig eth0 mtu 1200; ifconfig eth0 mtu 9; ifconfig eth0 mtu 1500\r",
            "ifconfig eth0 promisc; ifconfig eth0 -promisc; ifconfig eth0 allmulti; ifconfig eth0 -allmulti; ifconfig eth0 -arp; ifconfig eth0 arp\r",
            "ifconfig eth0:7 10.9.9.9; ifconfig eth0:7; ifconfig eth0:7 down; ifconfig eth0 txqueuelen 64; ifconfig eth0 metric 1\r",
            "ifconfig lo down; ifconfig lo up; ifconfig eth0 down; ifconfig eth0 hw ether 52:54:00:00:00:77; ifconfig eth0 up\r",
            "ifconfig eth0 10.0.2.15 netmask 255.255.255.0 broadcast 10.0.2.255; ifconfig eth0 nonsense\r",
        ],
    ),
    ("insmod", &["insmod /nowhere; insmod /etc/inittab\r"]),
    (
        "ip",
        &[
            "ip addr; ip -s link; ip route; ip neigh; ip rule; ip link set lo down; ip link set lo up\r",
            "ip addr add 10.9.8.7/24 dev eth0; ip addr del 10.9.8.7/24 dev eth0; ip addr add 1.2.3.4/8 dev no0\r",
            "ip route add 10.7.0.0/16 dev eth0; ip route del 10.7.0.0/16; ip route get 10.0.2.2; ip route flush cache\r",
            "ip link set eth0 mtu 1300; ip link set eth0 mtu 1500; ip neigh flush dev eth0; ip link add pack0 type dummy\r",
        ],
    ),
    (
        "kill",
        &["kill -l; kill -0 1; kill -USR1 $$ 2>/dev/null; kill 99999; kill -BAD 1\r"],
    ),
    ("killall", &["killall nobody; killall -l\r"]),
    ("less", &["less /etc/inittab\r\0q"]),
    (
        "ln",
        &[
            "ln -s etc /pack-link; ln /pack-file /pack-hard; ln /etc /pack-dirlink; ln -s x /pack-link\r",
        ],
    ),
    ("losetup", &["losetup; losetup -f\r"]),
    (
        "ls",
        &[
            "ls -la / /dev /proc/self/fd; ls -lR /proc/sys /etc; ls -i /; ls -l /pack-link /nowhere\r",
        ],
    ),
    ("lsof", &["lsof\r"]),
    ("md5sum", &["md5sum /bin/busybox /nowhere\r"]),
    (
        "mkdir",
        &["mkdir /pack-dir; mkdir /pack-dir; mkdir -p /pack-a/b/c; mkdir /proc/x /nowhere/x\r"],
    ),
    (
        "mkfifo",
        &["mkfifo /pack-fifo; (read L </pack-fifo) & echo x >/pack-fifo; wait\r"],
    ),
    (
        "mknod",
        &[
            "mknod /pack-node c 1 3; echo x >/pack-node; mknod /pack-block b 7 0; mknod /pack-no c 200 9; read L </pack-no\r",
        ],
    ),
    ("mktemp", &["mktemp /pack.XXXXXX; mktemp -d /pack.XXXXXX\r"]),
    ("modprobe", &["modprobe nothing; modprobe -l\r"]),
    ("more", &["more /etc/inittab\r"]),
    (
        "mount",
        &[
            "mount; mount -t ramfs none /etc; mount -t proc none /proc; mount -t nosuch none /etc; mount /dev/nothing /etc\r",
            "mount -t tmpfs none /etc; mount -o bind /proc /etc; mount -o remount,ro /; mount -o remount,rw /; mount -t sysfs none /etc\r",
        ],
    ),
    (
        "mv",
        &[
            "mv /pack-copy /pack-moved; mv /pack-moved /pack-copy; mv /nowhere /pack-copy; mv /etc /proc\r",
        ],
    ),
    (
        "nc",
        &[
            "nc -l -p 4711 >/dev/null & nc 127.0.0.1 4711 </etc/inittab; wait\r\0\x03",
            "nc -w 1 127.0.0.1 4712; nc -w 1 10.0.2.2 9 </dev/null\r\0\x03",
            "nc -u -w 1 127.0.0.1 4713 </etc/inittab\r\0\x03",
        ],
    ),
    (
        "netstat",
        &["netstat; netstat -an; netstat -rn; netstat -ltu; netstat -p\r"],
    ),
    ("nice", &["nice true; nice -n 5 true; nice -n -5 true\r"]),
    ("nohup", &["nohup true\r"]),
    ("nslookup", &["nslookup pack.invalid 10.0.2.3\r\0\0\x03"]),
    ("ntpd", &["ntpd -n -q -p 127.0.0.1\r\0\x03"]),
    ("pidof", &["pidof sh init nothing\r"]),
    (
        "ping",
        &[
            "ping -c 1 10.0.2.2; ping -c 1 -s 3000 10.0.2.2; ping -c 1 -s 40000 127.0.0.1; ping -c 1 -q 127.0.0.1\r",
            "ping -c 1 -W 1 10.0.2.200\r",
            "ping -c 1 pack.invalid\r\0\0\x03",
            "ping -c 1 -W 1 255.255.255.255; ping -c 1 -I lo -t 3 127.0.0.1\r",
        ],
    ),
    ("poweroff", &["poweroff --help\r"]),
    ("ps", &["ps; ps -o pid,comm\r"]),
    ("pwd", &["pwd\r"]),
    (
        "readlink",
        &["readlink /pack-link; readlink -f /proc/self/exe; readlink /nowhere\r"],
    ),
    ("realpath", &["realpath /proc/self /nowhere\r"]),
    ("renice", &["renice 3 $$; renice -20 1\r"]),
    (
        "rm",
        &["rm /pack-hard /nowhere /etc; rm -rf /pack-a /pack-etc; rm -f /pack-zeros /pack-link\r"],
    ),
    ("rmdir", &["rmdir /pack-dir /etc /nowhere /proc\r"]),
    (
        "route",
        &[
            "route; route -n; route add -net 10.8.0.0 netmask 255.255.0.0 dev eth0; route add -host 10.9.0.1 gw 10.0.2.2\r",
            "route del -host 10.9.0.1; route del -net 10.8.0.0 netmask 255.255.0.0; route del -host 1.1.1.1; route add default gw 10.66.0.1\r",
            "route add -net 10.7.0.0 netmask 255.255.0.0 reject; route add default gw 10.0.2.2\r",
        ],
    ),
    (
        "sed",
        &["sed -n 1p /etc/inittab; sed -i s/q/q/ /pack-file; sed p /nowhere\r"],
    ),
    ("setsid", &["setsid true\r"]),
    ("sha256sum", &["sha256sum /bin/busybox\r"]),
    (
        "sleep",
        &[
            "sleep 0.1; sleep 1; sleep no; sleep 60 & kill -STOP $!; kill -CONT $!; kill -9 $!; wait\r",
        ],
    ),
    ("sort", &["sort -r /etc/inittab; sort /nowhere\r"]),
    ("stat", &["stat /etc /pack-file /nowhere; stat -f /\r"]),
    (
        "stty",
        &["stty; stty -a; stty -echo; stty echo; stty 9600; stty sane\r"],
    ),
    ("swapoff", &["swapoff -a; swapoff /nowhere\r"]),
    ("swapon", &["swapon -a; swapon /etc/inittab\r"]),
    ("sync", &["sync\r"]),
    (
        "sysctl",
        &[
            "sysctl -a; sysctl kernel.pid_max; sysctl -w kernel.printk=4; sysctl -w net.ipv4.ip_forward=1; sysctl -w net.ipv4.ip_forward=0; sysctl no.such\r",
        ],
    ),
    ("syslogd", &["syslogd -n\r\0\x03"]),
    (
        "tail",
        &[
            "tail -n 1 /etc/inittab; tail -c 4 /nowhere\r",
            "tail -f /etc/inittab\r\0\x03",
        ],
    ),
    (
        "tar",
        &["tar cf /pack.tar /etc; tar tf /pack.tar; tar xf /pack.tar; tar xf /nowhere\r"],
    ),
    ("taskset", &["taskset -p 1 $$; taskset 1 true\r"]),
    ("tee", &["echo x | tee /pack-file /nowhere/x\r"]),
    ("telnet", &["telnet 127.0.0.1 9\r\0\x03"]),
    ("telnetd", &["telnetd -p 2323 -l /bin/sh\r"]),
    (
        "test",
        &["test -e /etc; test -L /pack-link; test -S /etc; test /etc -nt /proc\r"],
    ),
    ("tftp", &["tftp -g -r nothing 127.0.0.1\r\0\x03"]),
    ("time", &["time true; time sleep 0.1\r"]),
    ("timeout", &["timeout 1 sleep 5; timeout 5 true\r"]),
    ("top", &["top -b -n 1\r", "top\r\0q"]),
    (
        "touch",
        &["touch /pack-file; touch -d 2001-02-03 /pack-file; touch -c /nowhere; touch /proc/x\r"],
    ),
    ("traceroute", &["traceroute -m 2 10.0.2.2\r\0\0\x03"]),
    (
        "truncate",
        &["truncate -s 100 /pack-file; truncate -s 0 /pack-file\r"],
    ),
    ("tty", &["tty\r"]),
    (
        "udhcpc",
        &["udhcpc -i eth0 -n -q; udhcpc -i no0 -n -q; udhcpc -i lo -n -q -t 1 -T 1 -A 1\r\0\0\x03"],
    ),
    ("udhcpd", &["udhcpd -f /nowhere\r"]),
    (
        "umount",
        &["umount /etc; umount /etc; umount -l /proc; umount /nowhere; mount -t proc proc /proc\r"],
    ),
    ("uname", &["uname -a\r"]),
    ("unlink", &["unlink /nowhere\r"]),
    ("uptime", &["uptime\r"]),
    ("usleep", &["usleep 1000\r"]),
    (
        "vi",
        &[
            "vi /pack-text\r\0isome text\x1b\0:w\r\0:q!\r",
            "vi /etc/inittab\r\0dd:q!\r",
        ],
    ),
    ("watch", &["watch -n 1 true\r\0\x03"]),
    ("wc", &["wc /etc/inittab; wc /nowhere\r"]),
    (
        "wget",
        &[
            "wget -O - http://127.0.0.1:8181/etc/inittab; wget -O /dev/null http://127.0.0.1:9/; wget -q -O /dev/null http://10.0.2.2:9/\r",
            "wget -O /dev/null http://pack.invalid/\r\0\0\x03",
        ],
    ),
    (
        "xargs",
        &["echo a b | xargs echo; echo a | xargs /nowhere\r"],
    ),
    ("yes", &["yes\r\0\x03"]),
];
