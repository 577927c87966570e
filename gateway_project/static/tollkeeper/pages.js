// What expressions of Unfold's templates name. Alpine's build for a Content-Security-Policy reads expressions itself,
// instead of having the browser run them, and so finds no functions of the window.
document.addEventListener("alpine:init", () => {
    Alpine.data("theme", (chosen) => theme(chosen));
    Alpine.data("searchForm", () => searchForm());
    Alpine.data("searchDropdown", () => ({
        ...searchDropdown(),

        clear() {
            const field = this.$refs.searchInput;
            this.openSearchResults = false;
            if (field.value === "") {
                field.blur();
            }
            field.value = "";
        },
    }));
    Alpine.data("searchCommand", () => {
        const command = searchCommand();
        let opener = null;
        return {
            ...command,

            handleOpen() {
                opener = document.activeElement;
                command.handleOpen.call(this);
            },

            handleEscape() {
                command.handleEscape.call(this);
                if (!this.openCommandResults) opener?.focus();
            },

            // Without a choice the first of what was found.
            selectItem(...how) {
                this.currentIndex ||= 1;
                if (this.items?.[this.currentIndex - 1]) command.selectItem.apply(this, how);
            },
        };
    });

    Alpine.data("page", (primaryTab) => ({
        activeTab: (primaryTab && getCurrentTab()) || primaryTab || "",
        sidebarMobileOpen: false,
        sidebarDesktopOpen: localStorage.getItem("sidebarDesktopOpen") !== "0",
        sortRecords,
        moveRecords,

        init() {
            this.$watch("sidebarDesktopOpen", (open) => localStorage.setItem("sidebarDesktopOpen", open ? "1" : "0"));
        },

        addressOfTab() {
            const tab = this.activeTab && this.activeTab !== "general" ? `#${this.activeTab}` : "";
            return location.pathname + location.search + tab;
        },
    }));
});
