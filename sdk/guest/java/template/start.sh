#!/bin/sh
# What a plugin's file begins with; the jar follows. The environment is empty in a plugin, so Java is looked for in the
# usual places. The host says how much memory there is; half of it is for the heap.
PATH=/usr/local/bin:/usr/bin:/bin exec java -Xmx$((${GOMEMLIMIT:-268435456} / 2097152))m -Xss512k \
	-XX:MaxDirectMemorySize=$((${GOMEMLIMIT:-268435456} / 4194304))m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
	-XX:+ExitOnOutOfMemoryError -XX:+DisplayVMOutputToStderr -jar "$0" "$@"
exit
