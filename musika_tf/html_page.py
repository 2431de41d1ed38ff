"""A page of HTML for any browser: no scripts, nothing from elsewhere, legible on a phone, by day and by night."""

import html

from musika_tf.errors import printable

_DOCUMENT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  background: Canvas; color: CanvasText; }}
audio {{ display: block; width: 100%; }}
code {{ font-size: .9rem; overflow-wrap: anywhere; }}
{style}
</style>
</head>
<body>
<h1>{title}</h1>
{content}
</body>
</html>
"""


def document(title, style, content):
    """The page as text: a plain title, which is its heading too, CSS beside what all pages share, and HTML."""
    return _DOCUMENT.format(title=text(title), style=style, content=content)


def text(value):
    """Anything as HTML that shows it as it is."""
    return html.escape(printable(str(value)))
