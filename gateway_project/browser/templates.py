"""Templates of other packages as the policy of our pages needs them: changed where they are read, and nowhere else.

Alpine's build for a Content-Security-Policy knows single expressions, without `if`, `;`, arrow functions and names of
the window. What a package's template says in another way is said here in that way; `tollkeeper/pages.js` has the
functions.
"""

from collections.abc import Mapping
from typing import Any

from django.template.loaders.app_directories import Loader as AppDirectoriesLoader

_NONCE = 'nonce="{{ request.csp_nonce }}"'
_HTMX = "<script src=\"{% static 'unfold/js/htmx/htmx.js' %}\"></script>"
_HTMX_SETTINGS = '{"allowEval": false, "includeIndicatorStyles": false}'
_BODY = """x-data="{
                  {% if opts %}activeTab: '{% tabs_primary_active inline_admin_formsets %}',{% endif %}
                  sidebarMobileOpen: false,
                  sidebarDesktopOpen: (localStorage.getItem('sidebarDesktopOpen') !== null) ? (localStorage.getItem('sidebarDesktopOpen') == '1') : true
                  }"
          x-init="
                  activeTab = {% if opts %}getCurrentTab() || '{% tabs_primary_active inline_admin_formsets %}'{% else %}''{% endif %};
                  $watch('sidebarDesktopOpen', value => localStorage.setItem('sidebarDesktopOpen', value ? '1' : '0'));
                 \""""  # noqa: E501
_ESCAPE = (
    "openSearchResults = false; if ($refs.searchInput.value === '') { $refs.searchInput.blur() }"
    " else { $refs.searchInput.value = '' }"
)
_SEARCH = "{% trans 'Search apps and models...' %}\n                </div>"
_ADDRESS_OF_TAB = (
    "activeTab && activeTab !== 'general' ? window.location.pathname + window.location.search + '#' + activeTab"
    " : window.location.pathname + window.location.search"
)

# By name of the template: what it says, and what it says instead.
CHANGES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "unfold/layouts/skeleton.html": (
        ("'unfold/js/alpine/alpine.js'", "'tollkeeper/alpine/alpine-csp.js'"),
        (_HTMX, f"<meta name=\"htmx-config\" content='{_HTMX_SETTINGS}'>{_HTMX}"),
        ('<style id="unfold-theme-colors">', f'<style id="unfold-theme-colors" {_NONCE}>'),
        (_BODY, "x-data=\"page('{% if opts %}{% tabs_primary_active inline_admin_formsets %}{% endif %}')\""),
    ),
    "unfold/helpers/welcomemsg.html": (
        ("; localStorage.setItem('sidebarDesktopOpen', sidebarDesktopOpen ? '1' : '0');", ""),
    ),
    "unfold/helpers/search.html": (
        ("openSearchResults = true; currentIndex = 0", "[openSearchResults = true, currentIndex = 0]"),
        (_ESCAPE, "clear()"),
        (_SEARCH, '{% include "admin/search_words.html" %}</div>'),
    ),
    "unfold/helpers/command.html": (
        ("if (!$event.metaKey && !$event.ctrlKey) selectItem", "!$event.metaKey && !$event.ctrlKey && selectItem"),
    ),
    "admin/change_form.html": ((_ADDRESS_OF_TAB, "addressOfTab()"),),
    "admin/change_list.html": (("<style>", f"<style {_NONCE}>"),),
    # A text of styles would be an attribute; an object is set as properties.
    "admin/actions.html": (("'width: ' + changeListWidth + 'px'", "{width: changeListWidth + 'px'}"),),
    "drf_spectacular/swagger_ui.html": (("<style>", f"<style {_NONCE}>"),),
}


class Loader(AppDirectoriesLoader):
    """Reads templates of apps, with our changes."""

    def get_contents(self, origin: Any) -> str:
        text: str = super().get_contents(origin)
        for old, new in CHANGES.get(origin.template_name, ()):
            text = text.replace(old, new)
        return text
