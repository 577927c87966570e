// Names for those who hear a page: of fields that select2 draws beside their labels, and none for icons beside words.
"use strict";

(() => {
    function nameField(drawn) {
        const label = drawn.closest(".select2-container")?.previousElementSibling?.labels?.[0];
        if (!label) return;
        label.id ||= `${label.htmlFor}-label`;
        const value = drawn.querySelector(".select2-selection__rendered");
        drawn.setAttribute("aria-labelledby", value?.id ? `${label.id} ${value.id}` : label.id);
        drawn.querySelectorAll("[role=textbox], .select2-search__field").forEach((part) => {
            part.setAttribute("aria-labelledby", label.id);
        });
    }

    function nameSearch(search) {
        const open = document.querySelector(".select2-container--open .select2-selection[aria-labelledby]");
        if (open) search.setAttribute("aria-labelledby", open.getAttribute("aria-labelledby"));
    }

    // The name of an icon is the text that draws it; where it stands alone in a button, that is better than nothing.
    function hideIcon(icon) {
        const control = icon.closest("a, button, summary, [role=button]");
        if (!control || control.ariaLabel || control.innerText.trim() !== icon.innerText.trim()) icon.ariaHidden = "true";
    }

    function nameAll() {
        document.querySelectorAll(".select2-selection").forEach(nameField);
        document.querySelectorAll(".select2-dropdown .select2-search__field").forEach(nameSearch);
        document.querySelectorAll(".material-symbols-outlined:not([aria-hidden])").forEach(hideIcon);
    }

    let waits = false;
    function soon() {
        if (waits) return;
        waits = true;
        requestAnimationFrame(() => {
            waits = false;
            nameAll();
        });
    }

    document.addEventListener("DOMContentLoaded", () => {
        nameAll();
        // Rows that a form gets, and fields that open, come later. Attributes are not watched: they are what is set here.
        new MutationObserver(soon).observe(document.body, { childList: true, subtree: true });
    });
})();
