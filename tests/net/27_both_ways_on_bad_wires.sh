#!/usr/bin/env bash
# A file each way at once in one connection, both edited, over bad wires.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/impair.sh"
need_bad_wires
exchange "5 MB" "5000000 800 40"
stop_box
finish
