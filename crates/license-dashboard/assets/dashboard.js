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

// Live regions are replaced when the server reports a change, and each 15 seconds without events. The
// focus stays, and so do open details and the positions of tables.
const path = document.body.dataset.events;

// Returns the elements of a region that can have the focus, with names that outlast a replacement.
function targets(region) {
  const elements = [...region.querySelectorAll("a[href], button, summary, [tabindex]")];
  return elements.map((element) => {
    const label = element.getAttribute("aria-label") ?? element.textContent;
    return [element, `${element.tagName} ${element.getAttribute("href") ?? ""} ${label}`];
  });
}

// Returns the number of elements of the same name before an element, and the name.
function place(region, wanted) {
  const all = targets(region);
  const name = all.find(([element]) => element === wanted)?.[1];
  const same = all.filter(([, other]) => other === name);
  return [same.findIndex(([element]) => element === wanted), name];
}

function replaceRegion(region, found) {
  const opened = [...region.querySelectorAll("details")];
  const later = [...found.querySelectorAll("details")];
  for (const details of later) {
    const summary = details.querySelector("summary")?.textContent;
    const title = details.parentElement.querySelector("h2")?.textContent;
    const before = opened.find((other) =>
      other.querySelector("summary")?.textContent === summary &&
      other.parentElement.querySelector("h2")?.textContent === title);
    if (before) details.open = before.open;
  }
  if (found.innerHTML === region.innerHTML) return;
  const scrolled = new Map();
  for (const area of region.querySelectorAll(".scroll")) {
    scrolled.set(area.getAttribute("aria-label"), [area.scrollLeft, area.scrollTop]);
  }
  const hasFocus = region.contains(document.activeElement) && document.activeElement !== region;
  const [nth, name] = hasFocus ? place(region, document.activeElement) : [];
  region.replaceChildren(...found.childNodes);
  for (const area of region.querySelectorAll(".scroll")) {
    const position = scrolled.get(area.getAttribute("aria-label"));
    if (position) [area.scrollLeft, area.scrollTop] = position;
  }
  if (!hasFocus) return;
  const same = targets(region).filter(([, other]) => other === name);
  let target = same[Math.min(nth, same.length - 1)]?.[0];
  if (!target) {
    // The element with the focus is gone. The keyboard stays in the region.
    region.tabIndex = -1;
    target = region;
  }
  target.focus({ preventScroll: true });
}

// A page that cannot be updated says since when, and why.
function showState(since, text, link) {
  const old = document.querySelector(".live-state");
  if (!text) {
    old?.remove();
    return;
  }
  const time = `${since.toISOString().slice(11, 16)} UTC`;
  const content = `Not live since ${time}. ${text}`;
  if (old?.firstElementChild.textContent === content) return;
  old?.remove();
  const notice = document.createElement("div");
  notice.className = "notice warning live-state";
  notice.role = "alert";
  const sentence = document.createElement("p");
  sentence.textContent = content;
  notice.append(sentence);
  if (link) {
    const again = document.createElement("a");
    again.className = "button";
    again.href = location.href;
    again.textContent = link;
    const actions = document.createElement("div");
    actions.className = "actions";
    actions.append(again);
    notice.append(actions);
  }
  document.querySelector("main").prepend(notice);
}

if (path) {
  let timer = 0;
  let isRunning = false;
  let failures = 0;
  let lastUpdate = new Date();
  const update = async () => {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.redirected || response.status === 401 || response.status === 403) {
      showState(lastUpdate, "You are signed out, or your role has changed.", "Sign in again");
      return;
    }
    if (!response.ok) throw new Error(`The server answers with the status ${response.status}.`);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const region of document.querySelectorAll("[data-live]")) {
      const active = region.contains(document.activeElement) ? document.activeElement : null;
      if (active?.matches("input, select, textarea")) continue;
      const found = page.querySelector(`[data-live="${region.dataset.live}"]`);
      if (found) replaceRegion(region, found);
    }
    lastUpdate = new Date();
    failures = 0;
    showState();
    // A browser does not reconnect after a response with an error status.
    if (events?.readyState === EventSource.CLOSED) watch();
  };
  const refresh = async () => {
    if (isRunning || document.hidden || document.querySelector("dialog")) return;
    isRunning = true;
    try {
      await update();
    } catch (error) {
      failures += 1;
      const text = error instanceof TypeError ? "The server does not answer." : error.message;
      // One failure is no reason to worry, such as a restart of the server.
      if (failures > 1) showState(lastUpdate, `${text} The page tries again.`);
      else setTimeout(refresh, 3000);
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
    let wasOpen = false;
    events.addEventListener("open", () => {
      wasOpen = true;
      poll(60);
      if (failures) refresh();
    });
    events.addEventListener("change", refresh);
    events.addEventListener("error", () => {
      poll(15);
      // The end of the events can be that of the session or of the server.
      if (wasOpen) refresh();
      wasOpen = false;
    });
  };
  watch();
  addEventListener("pagehide", () => {
    clearInterval(timer);
    events?.close();
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    watch();
    refresh();
  });
  document.addEventListener("visibilitychange", () => {
    watch();
    refresh();
  });
}
