"""Images of the class `advertising`: web advertisements drawn around photographs.

One small function per layout, each of which takes `(rng, size, brand, shoot)` and returns an RGB
image of `size` (width, height). `shoot(width, height)` supplies a photograph of that size; `brand`
carries the colours, typefaces and words of one invented advertiser. Positions are fractions of the
width and height, so one layout serves every size.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from stages.download.sample.canvas import WHITE, Area, Canvas, Colour, Shoot, ink_on, star
from stages.download.sample.photographs import ANY, pick, random_size

RED, GOLD = (214, 32, 48), (240, 170, 20)
PALETTES = (  # ground, accent
    ((22, 60, 120), (255, 196, 0)),
    ((200, 30, 45), (255, 255, 255)),
    ((250, 245, 235), (190, 70, 30)),
    ((18, 18, 22), (212, 175, 90)),
    ((0, 122, 94), (255, 236, 120)),
    ((255, 220, 60), (20, 20, 20)),
    ((245, 247, 250), (0, 102, 220)),
    ((110, 44, 140), (255, 140, 190)),
    ((255, 120, 40), (40, 20, 60)),
    ((230, 240, 232), (20, 110, 70)),
    ((40, 46, 60), (0, 200, 210)),
    ((252, 228, 236), (200, 30, 100)),
)
FACES = ("DejaVuSans-Bold", "DejaVuSerif-Bold", "DejaVuSans-BoldOblique", "STIXGeneralBol")
BRANDS = (
    "Nordlys", "VELO+", "Casa Mia", "orbita", "Kaffa", "TRAILHEAD", "Lumen", "Petalé", "Zentro",
    "Blue Fern", "Maison K", "fixly", "Aurum", "Quick&Co", "SOLARA", "Tierra", "Hanami", "Brio",
)  # fmt: skip
HEADLINES = (
    "Summer Sale", "New season, new you", "Only this weekend", "Travel further for less",
    "Taste the difference", "Black Friday", "Made to last", "Upgrade today", "Your city, your way",
    "Jetzt sparen", "Soldes d'été", "Rebajas de enero", "Buy one, get one free", "Mega Deals",
    "Feel at home", "The original since 1924", "Switch and save", "Grand opening", "Last chance",
    "Free shipping on everything", "Treat yourself", "Members pay less", "Fresh every morning",
)  # fmt: skip
DETAILS = (
    "Order before midnight, delivered tomorrow", "No hidden fees. Cancel any time.",
    "While stocks last. Terms apply.", "Over 2 million happy customers",
    "Now in 40 stores near you", "0% finance over 24 months", "Designed for every day",
    "Free returns within 30 days", "Hand made, fairly traded", "Use code SAVE at the checkout",
    "Nur solange der Vorrat reicht",
)  # fmt: skip
CALLS = (
    "Shop now", "Buy now", "Order today", "Learn more", "Book now", "Sign up", "Get the offer",
    "Try it free", "Add to cart", "Install", "Jetzt kaufen", "Acheter", "Comprar", "Subscribe",
)  # fmt: skip
PRODUCTS = (
    "Classic", "Travel kit", "Starter set", "Studio Pro", "Weekend box", "Series 7", "Mini",
    "Home edition", "Gift card", "Tour for two", "Original blend", "Max 128 GB", "Collection",
)  # fmt: skip
PRICES = ("${}.99", "€ {},95", "£{}", "{}.- CHF", "¥{}00", "₹{}9", "{} kr", "USD {}", "{},99 €")


@dataclass(frozen=True)
class Brand:
    """The look and the words of one advertiser."""

    name: str
    face: str
    ground: Colour
    accent: Colour
    headline: str
    detail: str
    call: str
    currency: str
    percent: int


def draw_brand(rng: np.random.Generator) -> Brand:
    """An advertiser at random."""
    ground, accent = pick(rng, PALETTES)
    return Brand(
        name=pick(rng, BRANDS), face=pick(rng, FACES), ground=ground, accent=accent,
        headline=pick(rng, HEADLINES), detail=pick(rng, DETAILS), call=pick(rng, CALLS),
        currency=pick(rng, PRICES), percent=int(rng.integers(2, 15)) * 5,
    )  # fmt: skip


def advertisement(rng: np.random.Generator, shoot: Shoot) -> Image.Image:
    """A composed advertisement of one of the layouts below."""
    layout, ratios, _ = LAYOUTS[int(rng.choice(len(LAYOUTS), p=[share for *_, share in LAYOUTS]))]
    return layout(rng, random_size(rng, ratios), draw_brand(rng), shoot)


def put_logo(canvas: Canvas, area: Area, brand: Brand, colour: Colour) -> None:
    """A mark and the advertiser's name; the mark's form follows from the name."""
    left, top, _, bottom = canvas.pixels(area)
    width, height = canvas.image.size
    side = bottom - top
    mark = (area[0], area[1], (left + side) / width, area[3])
    corners = len(brand.name) % 4 + 2
    if corners == 2:
        middle = (left + side / 2) / width, (area[1] + area[3]) / 2
        canvas.fill(mark, colour, 0.5)
        canvas.fill(canvas.square(*middle, side / 2 / min(width, height)), ink_on(colour), 0.5)
    else:
        canvas.polygon(mark, star(corners, 0.5 if corners == 5 else 0.9), colour)
    name = ((left + side * 1.25) / width, area[1], area[2], area[3])
    canvas.write(name, brand.name, colour, brand.face)


def put_price(
    canvas: Canvas, area: Area, brand: Brand, amount: int, colour: Colour, old: bool = True
) -> None:
    """The price and, struck through beside it, what it was before."""
    left, top, right, bottom = area
    middle = left + (right - left) * (0.6 if old else 1.0)
    now = brand.currency.format(amount)
    canvas.write((left, top, middle, bottom), now, colour, "DejaVuSans-Bold")
    if old:
        area = (middle + 0.02, top + (bottom - top) * 0.2, right, bottom)
        canvas.write(area, brand.currency.format(amount + amount // 3 + 2), (140, 140, 140))
        x0, y0, x1, y1 = canvas.pixels(area)
        ImageDraw.Draw(canvas.image).line((x0, (y0 + y1) / 2, x1, (y0 + y1) / 2), RED, 1)


def overlay_banner(rng, size, brand, shoot):
    """A photograph that fades into a colour, with headline, detail and button on it."""
    canvas = Canvas(shoot(*size))
    side = pick(rng, ("left", "bottom", "right"))
    canvas.fade(brand.ground, side)
    ink = ink_on(brand.ground)
    x, y = {"left": (0.05, 0.2), "right": (0.5, 0.2), "bottom": (0.05, 0.42)}[side]
    right = 0.95 if side == "bottom" else x + 0.45
    area = (x, 0.05, x + 0.4, 0.14)
    put_logo(canvas, area, brand, ink_on(canvas.mean(area)))
    canvas.write((x, y, right, y + 0.26), brand.headline, ink, brand.face)
    canvas.write((x, y + 0.28, right, y + 0.38), brand.detail, ink)
    canvas.button((x, y + 0.42, x + 0.35, y + 0.54), brand.call, brand.accent)
    return canvas.image


def split_panel(rng, size, brand, shoot):
    """Photograph on one half, a coloured panel with an offer on the other."""
    canvas = Canvas.plain(size, brand.ground)
    ink, cut = ink_on(brand.ground), rng.uniform(0.4, 0.6)
    upright = size[1] > size[0] * 0.9
    first = rng.random() < 0.5
    if upright:
        canvas.photo((0, 0, 1, cut) if first else (0, 1 - cut, 1, 1), shoot)
        x0, y0, x1, y1 = (0.06, cut, 0.94, 1.0) if first else (0.06, 0.0, 0.94, 1 - cut)
    else:
        canvas.photo((0, 0, cut, 1) if first else (1 - cut, 0, 1, 1), shoot)
        x0, y0, x1, y1 = (cut + 0.04, 0.0, 0.97, 1.0) if first else (0.04, 0.0, 0.96 - cut, 1.0)
    rows = [y0 + (y1 - y0) * share for share in (0.06, 0.16, 0.22, 0.52, 0.56, 0.7, 0.76, 0.92)]
    put_logo(canvas, (x0, rows[0], x1, rows[1]), brand, brand.accent)
    canvas.write((x0, rows[2], x1, rows[3]), brand.headline, ink, brand.face)
    put_price(
        canvas,
        (x0, rows[4], x1, rows[5]),
        brand,
        int(rng.integers(5, 400)),
        ink,
        rng.random() < 0.5,
    )
    canvas.button((x0, rows[6], x0 + 0.7 * (x1 - x0), rows[7]), brand.call, brand.accent)
    return canvas.image


def product_card(rng, size, brand, shoot):
    """A shop's card: product, name, stars, price, a button across; text below or above."""
    paper = pick(rng, (WHITE, WHITE, (243, 243, 246), brand.ground))
    canvas, ink = Canvas.plain(size, paper), ink_on(paper)
    margin, share = rng.uniform(0.0, 0.14), rng.uniform(0.45, 0.55)  # of the photograph
    above = rng.random() < 0.3
    image = (margin, 0.97 - share, 1 - margin, 0.97) if above else (margin, 0.03, 1 - margin, share)
    canvas.photo(image, shoot, pick(rng, (0.0, 0.08)))
    y = 0.02 if above else 0.56
    stars = int(rng.integers(3, 6))
    rated = f"{'★' * stars}{'☆' * (5 - stars)} ({int(rng.integers(9, 2000))})"
    canvas.write((0.08, y, 0.92, y + 0.09), f"{brand.name} {pick(rng, PRODUCTS)}", ink, brand.face)
    canvas.write((0.08, y + 0.1, 0.6, y + 0.16), rated, ink if paper == brand.ground else GOLD)
    price = ink if paper == brand.ground else RED
    put_price(canvas, (0.08, y + 0.17, 0.9, y + 0.26), brand, int(rng.integers(5, 900)), price)
    colour = brand.accent if paper == brand.ground else _vivid(brand)
    canvas.button((0.08, y + 0.29, 0.92, y + 0.39), brand.call, colour, pick(rng, (0.0, 0.2, 0.5)))
    if rng.random() < 0.5:
        x, y = image[:2]
        canvas.fill((x, y, x + 0.28, y + 0.08), RED)
        text = f"-{brand.percent}%"
        canvas.write(
            (x + 0.02, y + 0.01, x + 0.26, y + 0.07), text, WHITE, "DejaVuSans-Bold", "center"
        )
    canvas.frame((205, 205, 205), 0, 1)
    return canvas.image


def discount_burst(rng, size, brand, shoot):
    """A photograph with a star that shouts the discount and a band with the headline."""
    canvas = Canvas(shoot(*size))
    top = pick(rng, (0.0, 0.78))
    canvas.fill((0, top, 1, top + 0.22), brand.ground, opacity=rng.uniform(0.8, 1.0))
    ink = ink_on(brand.ground)
    canvas.write((0.04, top + 0.03, 0.66, top + 0.19), brand.headline, ink, brand.face)
    put_logo(canvas, (0.7, top + 0.07, 0.97, top + 0.15), brand, ink)
    text = pick(rng, (f"-{brand.percent}%", "SALE", f"{brand.percent}% OFF", "NEW", "2 for 1"))
    y = 0.72 if top == 0.0 else 0.28
    canvas.burst(
        rng.uniform(0.25, 0.78),
        y,
        rng.uniform(0.38, 0.55),
        text,
        pick(rng, (RED, GOLD, brand.accent)),
    )
    return canvas.image


def product_grid(rng, size, brand, shoot):
    """Several products with their prices under a heading."""
    canvas = Canvas.plain(size, pick(rng, (WHITE, brand.ground)))
    ground = canvas.image.getpixel((0, 0))
    wide = size[0] / size[1]
    columns, rows = (3, 1) if wide > 1.6 else (1, 3) if wide < 0.6 else pick(rng, ((2, 2), (3, 2)))
    canvas.fill((0, 0, 1, 0.17), brand.accent)
    canvas.write((0.04, 0.03, 0.72, 0.14), brand.headline, ink_on(brand.accent), brand.face)
    canvas.write((0.75, 0.05, 0.96, 0.12), brand.name, ink_on(brand.accent), align="right")
    for cell in range(columns * rows):
        x, y = 0.03 + cell % columns * 0.95 / columns, 0.2 + cell // columns * 0.79 / rows
        right, bottom = x + 0.95 / columns - 0.03, y + 0.79 / rows
        canvas.photo((x, y, right, y + (bottom - y) * 0.68), shoot)
        area = (x, y + (bottom - y) * 0.71, right, y + (bottom - y) * 0.95)
        ink = RED if ground == WHITE else ink_on(ground)
        put_price(
            canvas, area, brand, int(rng.integers(2, 200)), ink, wide > 0.6 and rng.random() < 0.3
        )
    return canvas.image


def strip(rng, size, brand, shoot):
    """A leaderboard or skyscraper: small photograph, a line or two, a button."""
    canvas = Canvas.plain(size, brand.ground)
    ink = ink_on(brand.ground)
    if size[0] > size[1]:
        canvas.photo((0, 0, 0.34, 1), shoot)
        canvas.polygon((0.26, 0, 0.36, 1), [(1, 0), (1, 1), (0, 1)], brand.ground)
        put_logo(canvas, (0.4, 0.1, 0.9, 0.27), brand, brand.accent)
        canvas.write((0.4, 0.32, 0.96, 0.62), brand.headline, ink, brand.face)
        canvas.button((0.4, 0.68, 0.72, 0.9), brand.call, brand.accent)
    else:
        put_logo(canvas, (0.1, 0.04, 0.95, 0.1), brand, ink)
        canvas.write((0.1, 0.14, 0.9, 0.36), brand.headline, ink, brand.face, "center")
        canvas.photo((0, 0.4, 1, 0.72), shoot)
        canvas.write((0.1, 0.74, 0.9, 0.84), brand.detail, ink, align="center")
        canvas.button((0.12, 0.87, 0.88, 0.96), brand.call, brand.accent)
    return canvas.image


def poster(rng, size, brand, shoot):
    """A framed poster: rounded photograph in the middle of a tinted ground."""
    canvas = Canvas.plain(size, brand.ground)
    canvas.fade(
        brand.accent, pick(rng, ("top", "bottom", "left", "right")), 1.3, rng.uniform(0.2, 0.5)
    )
    canvas.frame(brand.accent, 0.03, int(rng.integers(1, 5)))
    ink = ink_on(canvas.mean((0, 0, 1, 1)))
    canvas.write((0.1, 0.07, 0.9, 0.24), brand.headline, ink, brand.face, "center")
    side = 0.5 if size[0] >= size[1] else 0.72
    canvas.photo(canvas.square(0.5, 0.5, side), shoot, pick(rng, (0.5, 0.5, 0.15)))
    canvas.write((0.08, 0.77, 0.92, 0.84), brand.detail, ink, align="center")
    canvas.button((0.3, 0.86, 0.7, 0.94), brand.call, brand.accent, 0.5)
    if rng.random() < 0.4:
        canvas.burst(0.76, 0.36, 0.27, f"-{brand.percent}%", RED)
    return canvas.image


def sponsored_post(rng, size, brand, shoot):
    """A social network's sponsored post: avatar, photograph, title, install button."""
    paper = pick(rng, (WHITE, (32, 34, 40), (226, 230, 238), brand.ground))
    canvas, ink = Canvas.plain(size, paper), ink_on(paper)
    # Of the photograph; the sender stands above it, or below it when it comes first.
    top, height = pick(rng, (0.0, rng.uniform(0.15, 0.22))), rng.uniform(0.42, 0.62)
    head = height + 0.02 if top == 0.0 else 0.02
    foot = (head + 0.14 if top == 0.0 else top + height) + 0.02
    canvas.photo((0, top, 1, top + height), shoot)
    canvas.photo(canvas.square(0.1, head + 0.06, 0.11), shoot, 0.5)
    canvas.write((0.2, head, 0.7, head + 0.06), brand.name, ink, "DejaVuSans-Bold")
    canvas.write((0.2, head + 0.07, 0.6, head + 0.115), "Sponsored", (140, 140, 140))
    x, right = pick(rng, ((0.04, 0.66), (0.38, 0.04)))
    canvas.write((x, foot, x + 0.56, foot + 0.08), brand.headline, ink, "DejaVuSans-Bold")
    canvas.write((x, foot + 0.09, x + 0.56, foot + 0.15), brand.detail, (140, 140, 140))
    colour = brand.accent if paper == brand.ground else _vivid(brand)
    canvas.button((right, foot + 0.02, right + 0.3, foot + 0.13), brand.call, colour, 0.2)
    return canvas.image


def coupon(rng, size, brand, shoot):
    """A voucher: a panel with a large discount laid over a photograph."""
    canvas = Canvas(shoot(*size))
    x, y = rng.uniform(0.08, 0.3), rng.uniform(0.12, 0.3)
    canvas.fill((x, y, x + 0.6, y + 0.58), brand.ground, 0.06, rng.uniform(0.85, 1.0))
    ink = ink_on(brand.ground)
    canvas.write(
        (x + 0.05, y + 0.04, x + 0.55, y + 0.13), brand.headline, ink, brand.face, "center"
    )
    text = pick(rng, (f"{brand.percent}% OFF", brand.currency.format(int(rng.integers(5, 99)))))
    canvas.write((x + 0.05, y + 0.15, x + 0.55, y + 0.36), text, ink, "DejaVuSans-Bold", "center")
    canvas.button((x + 0.12, y + 0.4, x + 0.48, y + 0.52), brand.call, brand.accent)
    area = (0.04, 0.9, 0.4, 0.97)
    put_logo(canvas, area, brand, ink_on(canvas.mean(area)))
    return canvas.image


def sparse(rng, size, brand, shoot):
    """Almost only a photograph: a logo in one corner and a button, price or slogan in another."""
    canvas = Canvas(shoot(*size))
    x, y = pick(rng, (0.04, 0.56)), pick(rng, (0.04, 0.86))
    area = (x, y, x + 0.4, y + 0.1)
    put_logo(canvas, area, brand, ink_on(canvas.mean(area)))
    x, y = pick(rng, (0.05, 0.6)), 0.83 if y < 0.5 else pick(rng, (0.06, 0.66))
    price = brand.currency.format(int(rng.integers(3, 300)))
    kind = rng.random()
    if kind < 0.65:
        canvas.button((x, y, x + 0.35, y + 0.12), brand.call, brand.accent, 0.4)
    elif kind < 0.9:
        canvas.button((x, y, x + 0.3, y + 0.12), price, pick(rng, (RED, GOLD)), 0)
    else:
        canvas.write((x, y, x + 0.35, y + 0.1), brand.headline, WHITE, brand.face, shadow=True)
    return canvas.image


LAYOUTS = (  # layout, width over height, share of the advertisements
    (overlay_banner, (*ANY, 16 / 9), 0.15),
    (split_panel, (*ANY, 16 / 9), 0.11),
    (product_card, (3 / 4, 2 / 3, 1.0), 0.10),
    (discount_burst, (*ANY, 16 / 9), 0.12),
    (product_grid, (*ANY, 16 / 9, 2.4), 0.09),
    (strip, (2.4, 2.1, 0.42, 0.5), 0.09),
    (poster, (1.0, 3 / 4, 4 / 3, 2 / 3), 0.08),
    (sponsored_post, (1.0, 3 / 4, 4 / 5), 0.07),
    (coupon, (*ANY, 16 / 9), 0.10),
    (sparse, (*ANY, 16 / 9, 2 / 3), 0.09),
)


def _vivid(brand: Brand) -> Colour:
    """Whichever of the advertiser's colours stands out on white."""
    return brand.ground if sum(brand.accent) > 600 else brand.accent
