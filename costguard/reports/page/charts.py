"""The charts of the page, drawn by Vega-Lite as SVG when the page is made: nothing in them runs, and they print.

Each says the same as a table beside it. Their ink is the page's own (``currentColor``), so that they are readable on
light and dark ground.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from costguard.reports.text import printable

_INK = "currentColor"
BLUE, AMBER = "#3b82c4", "#c77700"
"""Both have a contrast of 3 and more on white and on the page's dark ground (WCAG 2.2, 1.4.11)."""
_CONFIG: Mapping[str, Any] = {
    "font": "Helvetica, Arial, sans-serif",
    # What a browser sets the labels in may be a little wider than what they were measured with.
    "padding": {"left": 24, "right": 12, "top": 6, "bottom": 6},
    "view": {"stroke": None},
    "axis": {
        "labelColor": _INK,
        "titleColor": _INK,
        "gridColor": _INK,
        "gridOpacity": 0.15,
        "domainColor": _INK,
        "tickColor": _INK,
        "labelFontSize": 12,
        "labelLimit": 180,
    },
}


def trend(points: Sequence[tuple[str, float]], objective: float | None, title: str) -> str:
    """Shares by day, as a line, and what is allowed, as a dashed one."""
    values = [{"day": day, "share": share} for day, share in points]
    layers: list[Mapping[str, Any]] = [
        {
            "data": {"values": values},
            "mark": {"type": "line", "point": {"color": BLUE, "size": 30}, "color": BLUE},
            "encoding": {
                "x": {"field": "day", "type": "temporal", "title": None, "axis": {"format": "%b %d", "tickCount": 6}},
                "y": {
                    "field": "share",
                    "type": "quantitative",
                    "title": None,
                    "axis": {"format": ".0%", "tickCount": 4},
                    "scale": {"zero": True},
                },
            },
        }
    ]
    if objective is not None:
        layers.append(
            {
                "data": {"values": [{"allowed": objective}]},
                "mark": {"type": "rule", "strokeDash": [5, 4], "color": AMBER, "size": 2},
                "encoding": {"y": {"field": "allowed", "type": "quantitative"}},
            }
        )
    return _drawn({"width": 560, "height": 180, "layer": layers}, title)


def bars(parts: Sequence[tuple[str, float]], title: str, *, odd: str = "") -> str:
    """Amounts by name, the largest first; the one called ``odd`` stands out."""
    values = [{"name": name, "amount": amount, "rank": rank} for rank, (name, amount) in enumerate(parts)]
    return _drawn(
        {
            "width": 420,
            "height": {"step": 24},
            "data": {"values": values},
            "mark": {"type": "bar", "cornerRadiusEnd": 2},
            "encoding": {
                "y": {
                    "field": "name",
                    "type": "nominal",
                    "title": None,
                    "sort": {"field": "rank"},
                    "axis": {"ticks": False, "domain": False},
                },
                "x": {
                    "field": "amount",
                    "type": "quantitative",
                    "title": None,
                    "axis": {"tickCount": 4, "format": ",.3~s"},
                },
                "color": {"condition": {"test": {"field": "name", "equal": odd}, "value": AMBER}, "value": BLUE},
            },
        },
        title,
    )


def steps(shares: Sequence[float], title: str) -> str:
    """The share that is left after so many steps."""
    values = [{"step": step, "share": share} for step, share in enumerate(shares)]
    return _drawn(
        {
            "width": 420,
            "height": 180,
            "data": {"values": values},
            "mark": {
                "type": "area",
                "color": BLUE,
                "opacity": 0.35,
                "line": {"color": BLUE},
                "interpolate": "step-after",
            },
            "encoding": {
                "x": {
                    "field": "step",
                    "type": "quantitative",
                    "title": "resources tagged",
                    "axis": {"tickMinStep": 1, "tickCount": 8},
                },
                "y": {
                    "field": "share",
                    "type": "quantitative",
                    "title": None,
                    "axis": {"format": ".0%", "tickCount": 4},
                },
            },
        },
        title,
    )


def _drawn(spec: Mapping[str, Any], title: str) -> str:
    import vl_convert
    from markupsafe import escape

    svg: str = vl_convert.vegalite_to_svg(
        {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "background": None, "config": _CONFIG, **spec}
    )
    # One image with one name: what is in it stands in the table beside it, and a reader needn't hear it twice.
    svg = re.sub(r' (?:role|aria-[a-z]+)="[^"]*"', "", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(printable(title))}" ', 1)
