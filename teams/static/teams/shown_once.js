// The page that shows a secret once, with a button that copies it.
document.addEventListener("alpine:init", () => {
    Alpine.data("shownOnce", (page) => ({
        copied: false,

        init() {
            // To load this page again would send the form again.
            history.replaceState(null, "", page);
        },

        // The clipboard's own interface exists only where the page came by https or from this machine.
        copy() {
            const range = document.createRange();
            range.selectNodeContents(this.$refs.secret);
            getSelection().removeAllRanges();
            getSelection().addRange(range);
            this.copied = document.execCommand("copy");
        },
    }));
});
