"""Line charts for the documents, as SVG with text that can be searched and copied."""
LEFT, TOP, WIDTH, HEIGHT = 80, 56, 464, 260
INK, GREY, RULE = "#1a2230", "#5b6472", "#dde1e7"


def line_chart(path, title, description, x, x_label, x_ticks, y_label, y_ticks, lines):
    """`lines` are (label, colour, values at `x`); `y_ticks` are (value, text), the first at the bottom and the last at the top."""
    low, high = y_ticks[0][0], y_ticks[-1][0]

    def across(value):
        return LEFT + WIDTH * (value - x[0]) / (x[-1] - x[0])

    def up(value):
        return TOP + HEIGHT * (high - value) / (high - low)

    middle = TOP + HEIGHT / 2
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 380" width="640" height="380" role="img" font-family="sans-serif" font-size="13">',
           f"<title>{description}</title>", '<rect width="640" height="380" fill="#ffffff"/>',
           f'<text x="{LEFT}" y="28" font-size="16" font-weight="bold" fill="{INK}">{title}</text>',
           f'<text x="16" y="{middle}" text-anchor="middle" fill="{INK}" transform="rotate(-90 16 {middle})">{y_label}</text>']
    for value, text in y_ticks:
        out.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{up(value):.1f}" y2="{up(value):.1f}" stroke="{RULE}"/>')
        out.append(f'<text x="{LEFT - 8}" y="{up(value) + 4:.1f}" text-anchor="end" fill="{GREY}">{text}</text>')
    for value in x_ticks:
        out.append(f'<text x="{across(value):.1f}" y="{TOP + HEIGHT + 20}" text-anchor="middle" fill="{GREY}">{value}</text>')
    out.append(f'<text x="{LEFT + WIDTH / 2}" y="{TOP + HEIGHT + 44}" text-anchor="middle" fill="{INK}">{x_label}</text>')
    for label, colour, values in lines:
        points = " ".join(f"{across(at):.1f},{up(value):.1f}" for at, value in zip(x, values, strict=True))
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-linejoin="round"/>')
        out.append(f'<text x="{LEFT + WIDTH + 8}" y="{up(values[-1]) + 4:.1f}" fill="{colour}">{label}</text>')
    path.write_text("\n".join([*out, "</svg>"]) + "\n")
