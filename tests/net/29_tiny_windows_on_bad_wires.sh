#!/usr/bin/env bash
# Receive buffers of less than two segments at both ends, a module that inserts more than they hold,
# bad wires.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/impair.sh"
need_bad_wires
exchange "200 KB" "200000 100 10" 2304
stop_box
finish
