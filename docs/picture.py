#!/usr/bin/env python3
"""Draws docs/story.svg, the picture of the README, from what a real run of the story printed.

  STORY_KEEP=DIR scripts/story && python3 docs/picture.py DIR/log
"""
import html
import pathlib
import re
import sys

WIDTH = 128  # characters of a line
ROW, LEFT, TOP, CHARACTER = 18, 16, 44, 7.83
COLOURS = {"prompt": "#7ee787", "command": "#ffffff", "text": "#c9d1d9", "url": "#79c0ff"}
STEPS = [
    ("rdc context push-infra server-1", "push-infra", r"entry points|in force|run$"),
    ("rdc repo create my-app -m server-1", "create", "."),
    ("rdc repo push my-app examples/webapp -m server-1", "push", "."),
    ("rdc repo up my-app -m server-1 --mount", "up", r"^(FUNCTION|(prep|up) +the root|SERVICE|\S+ +https://)|Started$"),
]


def lines(log, name, wanted):
    for line in (log / f"{name}.log").read_text().splitlines():
        if re.search(wanted, line):
            yield line[:WIDTH] + ("…" if len(line) > WIDTH else "")


def row(number, kind, text):
    text = html.escape(text)
    if kind == "text":
        text = re.sub(r"https?://[^\s&]+", lambda it: f'<tspan fill="{COLOURS["url"]}">{it[0]}</tspan>', text)
    else:
        text = f'<tspan fill="{COLOURS["prompt"]}">$ </tspan><tspan fill="{COLOURS["command"]}">{text}</tspan>'
    return f'<text x="{LEFT}" y="{TOP + ROW * number}" xml:space="preserve">{text}</text>'


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    log = pathlib.Path(sys.argv[1])
    rows = []
    for command, name, wanted in STEPS:
        rows.append(("command", command))
        rows.extend(("text", line) for line in lines(log, name, wanted))
        rows.append(("text", ""))
    rows.append(("command", "curl https://app.example.com/"))
    rows.extend(("text", line) for line in lines(log, "page", "rows"))
    width = round(2 * LEFT + CHARACTER * (WIDTH + 1))
    height = TOP + ROW * len(rows)
    body = "\n".join(row(number, *it) for number, it in enumerate(rows))
    dots = "".join(f'<circle cx="{20 + 18 * i}" cy="18" r="5.5" fill="{c}"/>' for i, c in enumerate(["#ff5f56", "#ffbd2e", "#27c93f"]))
    picture = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"
 font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13" fill="{COLOURS["text"]}">
<title>From an empty machine to https://app.example.com</title>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
{dots}
{body}
</svg>
"""
    pathlib.Path(__file__).resolve().parent.joinpath("story.svg").write_text(picture)


main()
