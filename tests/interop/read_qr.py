"""Reads QR codes with ZXing.

    read_qr.py PICTURE...

Each picture must contain exactly one code. Prints an array of their texts and exits with 0.
Otherwise prints the number of codes in the first wrong picture to standard error and exits with 1.
"""

import json
import sys

import zxingcpp
from PIL import Image


def texts(path):
    with Image.open(path) as picture:
        found = zxingcpp.read_barcodes(picture.convert("L"), formats=zxingcpp.BarcodeFormat.QRCode)
    return [code.text for code in found]


read = [texts(path) for path in sys.argv[1:]]
for path, found in zip(sys.argv[1:], read):
    if len(found) != 1:
        print(f"{path}: {len(found)} codes", file=sys.stderr)
        sys.exit(1)
print(json.dumps([found[0] for found in read]))
