"""Text as nobody should be able to use it: mentions, markup, invisible characters, forged links and lines."""

MENTIONS: tuple[str, ...] = (
    "@everyone",
    "@here",
    "<@123456>",
    "<@!123456>",
    "<@&123456>",
    "<#123456>",
    "<!channel>",
    "<!here|here>",
)
MENTIONS += ("<!subteam^S1|ops>", "<@U123|ada>", "<at>Ada</at>", "@channel", "<!date^1^{date}|x>", "</kick:123>")
MARKUP: tuple[str, ...] = (
    "*bold*",
    "**bold**",
    "_italic_",
    "__under__",
    "~struck~",
    "~~struck~~",
    "`code`",
    "```code```",
    "||spoiler||",
)
MARKUP += (
    "# Title",
    "## Title",
    "-# small",
    "> quote",
    ">>> quote",
    "- item",
    "* item",
    "+ item",
    "1. item",
    "1) item",
)
MARKUP += ("<:smile:123>", ":tada:", "<t:1:R>", "{{DATE(2026-11-23T12:00:00Z,SHORT)}}", "@{triggerBody()}", "${7*7}")
MARKUP += ("{{ 7*7 }}", "{% now 'Y' %}", "%s %d %(x)s", "{0}", "|a|b|", "---", "***", "===", "\\*not\\*", "\\", "\\\\")
LINKS: tuple[str, ...] = (
    "[bank](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "<https://evil.example|https://bank.example>",
)
LINKS += (
    "https://evil.example",
    "<https://evil.example>",
    "javascript:alert(1)",
    "[a]: https://evil.example",
    "www.evil.example",
)
HTML: tuple[str, ...] = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</td></table><h1>x</h1>",
    "<!--",
    "-->",
    "<b>b</b>",
)
HTML += ("&lt;b&gt;", "&amp;", "&#60;script&#62;", "\"'><svg onload=alert(1)>", "<style>*{display:none}</style>", "]]>")
LINES: tuple[str, ...] = (
    "a\nb",
    "a\r\nb",
    "a\rb",
    "a\u2028b",
    "a\u2029b",
    "a\x0bb",
    "a\x0cb",
    "a\x85b",
    "\r\nBcc: all@example.com",
)
LINES += ("x\r\n\r\n<h1>body</h1>", "\nSubject: other", "x\nLevel: `Low`", "x\r\n.\r\nMAIL FROM:<a@b>", "\n\n\n")
INVISIBLE: tuple[str, ...] = (
    "a\x00b",
    "\x00",
    "a\x07b",
    "a\x1b[31mred",
    "a\x7fb",
    "a\u202eb",
    "\u202dabc\u202c",
    "\u2066x\u2069",
    "\u200b",
)
INVISIBLE += (
    "\ufeffx",
    "\ud800",
    "a\udfffb",
    "\ud83d",
    "\uffff",
    "e\u0301",
    "\u0627\u0644",
    "👩‍👩‍👧",
    "\U000e0041",
    " ",
    "",
)
HUGE: tuple[str, ...] = (
    "x" * 100_000,
    "&" * 20_000,
    "*" * 20_000,
    "👩" * 20_000,
    "@everyone " * 5000,
    "\\" * 20_000,
    '"' * 20_000,
    "é" * 20_000,
)

_SMALL: tuple[str, ...] = (*MENTIONS, *MARKUP, *LINKS, *HTML, *LINES, *INVISIBLE)
TEXTS: tuple[str, ...] = (
    *_SMALL,
    *HUGE,
    *(f"before {one} after" for one in _SMALL),
    *(f"{one}{one}" for one in _SMALL),
)
