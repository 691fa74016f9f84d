"""pace.py MARK - copies its input to its output at 512 KB/s until the file MARK is there, then at once."""
import os
import sys
import time

while data := os.read(0, 16384):
    view = memoryview(data)
    while view:
        view = view[os.write(1, view):]
    if not os.path.exists(sys.argv[1]):
        time.sleep(len(data) / 524288)
