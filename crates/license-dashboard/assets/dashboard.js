// Enhances pages that work without it: dialogs, copying, secrets in the fragment, live regions.
"use strict";

const narrow = matchMedia("(max-width: 60rem)");
const menu = document.querySelector(".menu");
const fold = () => {
  if (menu) menu.open = !narrow.matches;
};
fold();
narrow.addEventListener("change", fold);
// On a low screen, the navigation scrolls. It shows where the person is.
document.querySelector(".side nav [aria-current]")?.scrollIntoView({ block: "nearest" });

// Buttons beside ids copy them. They are shown only here, because they need a script.
if (navigator.clipboard) document.documentElement.classList.add("scripts");
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy-id]");
  if (!button) return;
  await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
  button.textContent = "Copied";
});

// Times are in UTC. The local time appears while the pointer is on one.
document.addEventListener("pointerover", (event) => {
  const time = event.target.closest?.("time[datetime*=T]");
  if (time && !time.title) {
    time.title = new Date(time.dateTime).toLocaleString([], { dateStyle: "long", timeStyle: "long" });
  }
});

// A link with `data-dialog` leads to a page with one form, which opens in a dialog.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  try {
    const page = await fetchPage(link.href);
    openDialog(page, link);
  } catch {
    location.assign(link.href);
  }
});

async function fetchPage(href) {
  const response = await fetch(href, { headers: { Accept: "text/html" } });
  if (!response.ok || response.redirected) throw new Error("no page");
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

function openDialog(page, opener) {
  const dialog = document.createElement("dialog");
  const content = document.createElement("div");
  const title = page.querySelector("h1");
  title.id = "title";
  dialog.setAttribute("aria-labelledby", "in-dialog-title");
  const blocks = [...page.querySelector("main").children];
  content.append(title, ...blocks.filter((block) => !block.matches(".title, .toast")));
  // The page below may have fields with the same names.
  for (const element of content.querySelectorAll("[id], [for], [aria-describedby]")) {
    for (const name of ["id", "for", "aria-describedby"]) {
      const ids = element.getAttribute(name)?.split(" ");
      if (ids) element.setAttribute(name, ids.map((id) => `in-dialog-${id}`).join(" "));
    }
  }
  dialog.append(content);
  document.body.append(dialog);
  for (const link of dialog.querySelectorAll("form .actions a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      dialog.close();
    });
  }
  dialog.addEventListener("close", () => {
    dialog.remove();
    opener.focus();
  });
  prepare(dialog);
  dialog.showModal();
}

// A form is sent once, also if a person clicks twice.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "true";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

function prepare(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.closest("figure").querySelector("code").textContent);
      button.textContent = "Copied";
    });
  }
  for (const chooser of root.querySelectorAll("[data-into]")) {
    chooser.hidden = false;
    chooser.addEventListener("change", async () => {
      const [file] = chooser.files;
      if (file) chooser.form.elements[chooser.dataset.into].value = await file.text();
    });
  }
  const field = root.querySelector("[data-fragment]");
  if (field && location.hash.length > 1) {
    field.value = decodeURIComponent(location.hash.slice(1));
    // The secret must not stay in the history.
    history.replaceState(null, "", location.pathname + location.search);
  }
}
prepare(document);

// Live regions are replaced when the server reports a change, and each 15 seconds without events.
const path = document.body.dataset.events;
if (path) {
  let timer = 0;
  let isRunning = false;
  const refresh = async () => {
    if (isRunning || document.hidden || document.querySelector("dialog")) return;
    isRunning = true;
    try {
      const page = await fetchPage(location.href);
      for (const region of document.querySelectorAll("[data-live]")) {
        if (region.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) continue;
        const found = page.querySelector(`[data-live="${region.dataset.live}"]`);
        if (found && found.innerHTML !== region.innerHTML) region.replaceChildren(...found.childNodes);
      }
    } catch {
      // The next event or the timer tries again.
    } finally {
      isRunning = false;
    }
  };
  const poll = (seconds) => {
    clearInterval(timer);
    timer = setInterval(refresh, seconds * 1000);
  };
  // A browser opens six connections to a host, so a hidden page keeps none.
  let events = null;
  const watch = () => {
    events?.close();
    events = null;
    poll(15);
    if (document.hidden || !window.EventSource) return;
    events = new EventSource(path);
    events.addEventListener("open", () => poll(60));
    events.addEventListener("change", refresh);
    events.addEventListener("error", () => poll(15));
  };
  watch();
  addEventListener("pagehide", () => events?.close());
  document.addEventListener("visibilitychange", () => {
    watch();
    refresh();
  });
}
