// Names for those who hear a page: of fields that select2 draws beside their labels, of controls that are but an icon,
// and none for icons beside words. And what the theme lets answer to a click alone answers to the keyboard.
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

    // The name of an icon is the text that draws it. Words for those that stand alone come with the page.
    function hideIcon(icon) {
        const control = icon.closest("a, button, summary, [role=button]");
        const drawn = icon.innerText.trim();
        if (control && !control.ariaLabel && control.innerText.trim() === drawn) {
            const word = control.title || document.getElementById("icon-names")?.dataset[drawn];
            if (!word) return;
            control.ariaLabel = word;
        }
        if (control !== icon) icon.ariaHidden = "true";
    }

    // Django's pickers of dates and times have their words on what is inside.
    function namePicker(link) {
        link.ariaLabel ||= link.firstElementChild.title;
    }

    const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

    function makeButton(drawn) {
        if (drawn.matches(FOCUSABLE) || drawn.querySelector(FOCUSABLE) || !drawn.textContent.trim()) return;
        drawn.role = "button";
        drawn.tabIndex = 0;
        drawn.addEventListener("keydown", (event) => {
            if (event.key !== "Enter" && event.key !== " ") return;
            event.preventDefault();
            drawn.click();
        });
    }

    function nameAll() {
        document.querySelectorAll("[x-on\\:click]").forEach(makeButton);
        document.querySelectorAll(".select2-selection").forEach(nameField);
        document.querySelectorAll(".select2-dropdown .select2-search__field").forEach(nameSearch);
        document.querySelectorAll(".material-symbols-outlined:not([aria-hidden])").forEach(hideIcon);
        document.querySelectorAll(".datetimeshortcuts a:has(> [title])").forEach(namePicker);
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
