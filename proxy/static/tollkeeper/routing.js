// Keeps the groups of the routing editor fresh, unless somebody reads with the keyboard or has selected something there.
(() => {
    const EVERY = 5000;
    const live = document.getElementById("tk-live");
    const isBusy = () => document.hidden || live.contains(document.activeElement) || !document.getSelection().isCollapsed;

    async function refresh() {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (!answer.ok || answer.redirected) return;
        // Nothing in a template is run or styled; the answer's nonce is not the one of this page.
        const page = document.createElement("template");
        page.innerHTML = await answer.text();
        const fresh = page.content.getElementById("tk-live");
        if (fresh && !isBusy()) live.replaceChildren(...fresh.childNodes);
    }

    setInterval(() => { if (!isBusy()) refresh().catch(() => {}); }, EVERY);
})();
