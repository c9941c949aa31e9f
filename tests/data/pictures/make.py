"""Writes the pictures of this folder and what Pillow reads in them: expected.txt, a line each: file, width, height, red, green and blue
of every pixel in hexadecimal. Run it with a Python that has Pillow and NumPy: python3 tests/data/pictures/make.py"""
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
WIDTH, HEIGHT = 11, 9


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(samples, bits):
    """Rows of samples [height, width * channels] as the filtered bytes of a PNG."""
    out = b""
    for row in samples:
        if bits == 16:
            out += b"\0" + row.astype(">u2").tobytes()
        elif bits == 8:
            out += b"\0" + row.astype(np.uint8).tobytes()
        else:
            digits = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - bits:].reshape(-1)
            out += b"\0" + np.packbits(digits).tobytes()
    return out


def write_png(name, samples, bits, kind, interlaced=False, palette=None, transparent=None, gamma=None):
    height, width = samples.shape[:2]
    samples = samples.reshape(height, width, CHANNELS[kind])
    data = b""
    for x, y, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = samples[y::dy, x::dx]
        if part.size:
            data += packed(part.reshape(part.shape[0], -1), bits)
    chunks = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, int(interlaced)))
    if gamma:
        chunks += chunk(b"gAMA", struct.pack(">I", gamma))
    if palette is not None:
        chunks += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    if transparent is not None:
        chunks += chunk(b"tRNS", transparent)
    (HERE / name).write_bytes(b"\x89PNG\r\n\x1a\n" + chunks + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b""))


def write_pngs():
    random = np.random.default_rng(5)
    for bits in (1, 2, 4, 8, 16):
        grey = random.integers(0, 2**bits, (HEIGHT, WIDTH))
        write_png(f"grey{bits}.png", grey, bits, GREY)
        write_png(f"grey{bits}-interlaced.png", grey, bits, GREY, interlaced=True)
        if bits < 16:
            palette = random.integers(0, 256, (2**bits, 3))
            write_png(f"palette{bits}.png", grey, bits, PALETTE, palette=palette)
            write_png(f"palette{bits}-see-through.png", grey, bits, PALETTE, interlaced=True, palette=palette, transparent=bytes([0, 120]))
    write_png("grey8-see-through.png", grey // 256 // 64 * 64, 8, GREY, transparent=struct.pack(">H", 64))
    for bits in (8, 16):
        for kind, name in ((RGB, "rgb"), (GREY_ALPHA, "grey-alpha"), (RGBA, "rgba")):
            samples = random.integers(0, 2**bits, (HEIGHT, WIDTH, CHANNELS[kind]))
            write_png(f"{name}{bits}.png", samples, bits, kind, interlaced=bits == 16)
    write_png("rgb8-gamma.png", random.integers(0, 256, (HEIGHT, WIDTH, 3)), 8, RGB, gamma=100000)


def gradient(width, height):
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([40 + 9 * x, 200 - 10 * y, 60 + 5 * x + 4 * y], -1).clip(0, 255).astype(np.uint8), "RGB")


def write_jpegs():
    picture = gradient(20, 12)
    options = {"quality": 95, "subsampling": 0}
    picture.save(HERE / "baseline.jpg", **options)
    picture.save(HERE / "progressive.jpg", progressive=True, **options)
    picture.convert("L").save(HERE / "grey.jpg", quality=95)
    picture.convert("CMYK").save(HERE / "cmyk.jpg", **options)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture.save(HERE / f"turned{orientation}.jpg", exif=exif, **options)
        if orientation == 6:
            picture.save(HERE / "turned6.png", exif=exif)


def upright_rgb(path):
    picture = Image.open(path)
    if picture.mode.startswith("I"):  # 16 bits, which Pillow's own conversion cuts off above 255
        values = np.asarray(picture).astype(np.int64) // 256
        return Image.fromarray(values.astype(np.uint8), "L").convert("RGB")
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in ("LA", "RGBA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def main():
    for old in HERE.glob("*.png"):
        old.unlink()
    for old in HERE.glob("*.jpg"):
        old.unlink()
    write_pngs()
    write_jpegs()
    lines = []
    for path in sorted([*HERE.glob("*.png"), *HERE.glob("*.jpg")]):
        picture = upright_rgb(path)
        lines.append(f"{path.name} {picture.width} {picture.height} {picture.tobytes().hex()}\n")
    (HERE / "expected.txt").write_text("".join(lines))


main()
