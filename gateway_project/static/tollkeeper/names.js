// Names for those who hear a page: of fields that select2 draws beside their labels, of controls that are but an icon,
// and none for icons beside words. And what the theme lets answer to a click alone answers to the keyboard.
"use strict";

(() => {
    let heads = 0;

    // A field in a table is called as its column, whose head is no label.
    function labelOf(field) {
        const label = field?.labels?.[0];
        if (label) {
            label.id ||= `${label.htmlFor}-label`;
            return label;
        }
        const cell = field?.closest(".formset td");
        const head = cell?.closest("table").tHead?.rows[0].cells[cell.cellIndex];
        if (head) head.id ||= `column-${(heads += 1)}`;
        return head;
    }

    function nameCell(field) {
        const head = field.ariaLabel || field.labels?.length ? null : labelOf(field);
        if (head) field.setAttribute("aria-labelledby", head.id);
    }

    function nameField(drawn) {
        const label = labelOf(drawn.closest(".select2-container")?.previousElementSibling);
        if (!label) return;
        const value = drawn.querySelector(".select2-selection__rendered");
        drawn.setAttribute("aria-labelledby", value?.id ? `${label.id} ${value.id}` : label.id);
        drawn.querySelectorAll("[role=textbox], .select2-search__field").forEach((part) => {
            part.setAttribute("aria-labelledby", label.id);
        });
    }

    // Its list holds more than items, which a list may not.
    function flattenList(list) {
        list.role = "none";
        for (const item of list.children) item.role ||= "none";
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

    // What is wider than its place is scrolled by the keyboard too, where nothing in it can have the focus.
    function reachScroller(place) {
        if (place.scrollWidth <= place.clientWidth || place.querySelector(FOCUSABLE) || place.tabIndex === 0) return;
        place.tabIndex = 0;
        place.role = "region";
        place.ariaLabel = place.querySelector("caption")?.innerText || document.querySelector("h1, h2")?.innerText || document.title;
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
        document.querySelectorAll(".formset td :is(input:not([type=hidden]), select, textarea)").forEach(nameCell);
        document.querySelectorAll(".select2-selection").forEach(nameField);
        document.querySelectorAll(".select2-selection--multiple ul").forEach(flattenList);
        document.querySelectorAll(".select2-dropdown .select2-search__field").forEach(nameSearch);
        document.querySelectorAll(".material-symbols-outlined:not([aria-hidden])").forEach(hideIcon);
        document.querySelectorAll(".tk-scrolls, .overflow-x-auto").forEach(reachScroller);
        document.querySelectorAll(".help-tooltip[aria-label]").forEach((mark) => (mark.role = "img"));
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
