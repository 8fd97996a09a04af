"""Makes a picture look like a photo of a screen or a sheet of paper.

    photograph.py PICTURE PHOTO.jpg DEGREES

The picture lies rotated and in perspective on a gray table, in uneven light, slightly out of focus
and with noise. The photo has 2000 x 1500 pixels.
"""

import random
import sys

from PIL import Image, ImageChops, ImageFilter

WIDTH, HEIGHT = 2000, 1500

path, photo, degrees = sys.argv[1], sys.argv[2], float(sys.argv[3])
with Image.open(path) as picture:
    sheet = picture.convert("L").resize((1000, 1000), Image.Resampling.BICUBIC)
table = Image.new("L", (WIDTH, HEIGHT), 90)
shape = Image.new("L", sheet.size, 255)
turned = sheet.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=90)
shape = shape.rotate(degrees, expand=True, fillcolor=0)
table.paste(turned, ((WIDTH - turned.width) // 2, (HEIGHT - turned.height) // 2), shape)
# The camera is not straight above the sheet. The last two numbers are the perspective.
view = (1.02, 0.05, -60, -0.02, 1.04, 10, 2e-5, 6e-5)
table = table.transform((WIDTH, HEIGHT), Image.Transform.PERSPECTIVE, view, Image.Resampling.BICUBIC)
light = Image.linear_gradient("L").resize((WIDTH, HEIGHT)).point(lambda level: 160 + level // 3)
table = ImageChops.multiply(table, light).filter(ImageFilter.GaussianBlur(1.5))
random.seed(7)
noise = Image.frombytes("L", (WIDTH // 2, HEIGHT // 2), random.randbytes(WIDTH * HEIGHT // 4))
noise = noise.resize((WIDTH, HEIGHT)).point(lambda level: level // 12)
ImageChops.add(table, noise).convert("RGB").save(photo, quality=75)
