// The live board: its socket says which stations changed, the page asks the server for the rows and puts in what differs.
// Without it, or without a socket, the page is what it was when it was loaded; it says so, and asks now and then.
"use strict";
(() => {
  const board = document.getElementById("board");
  const state = board.querySelector(".wl-live-state");
  const GAP_MS = 1000, ANYWAY_MS = 15000, MOST_WAIT_MS = 30000;
  let live = false, asking = false, again = false, wait = 1000, shownAt = rowsAt(board);

  function rowsAt(from) {
    return from.querySelector("[data-at]").dataset.at;
  }

  function say(failed) {
    state.dataset.tone = live && !failed ? "good" : "warning";
    state.textContent = live && !failed
      ? `Live. As of ${shownAt}.`
      : `Not live: what you see is of ${shownAt}. It tries again by itself; if this stays, reload the page.`;
  }

  // Rows keep their elements where nothing has changed, so that focus and selection stay.
  function put(fresh) {
    const old = document.getElementById("board-rows");
    const next = document.createElement("div");
    next.id = "board-rows";
    next.innerHTML = fresh;
    shownAt = rowsAt(next);
    const cards = [...old.querySelectorAll(".wl-station")];
    const coming = [...next.querySelectorAll(".wl-station")];
    const same = coming.length && cards.length === coming.length && cards.every((card, at) => card.id === coming[at].id);
    if (!same) {
      old.replaceWith(next);
      return;
    }
    cards.forEach((card, at) => {
      if (card.outerHTML === coming[at].outerHTML) return;
      const held = card.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      card.replaceWith(coming[at]);
      if (held) [...coming[at].querySelectorAll("a")].find((link) => link.getAttribute("href") === held)?.focus();
    });
  }

  async function ask() {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    let failed = false;
    try {
      const answer = await fetch(board.dataset.rows, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok) throw new Error(answer.status);
      put(await answer.text());
    } catch {
      failed = true;
    }
    say(failed);
    setTimeout(() => {
      asking = false;
      if (again) {
        again = false;
        ask();
      }
    }, GAP_MS);
  }

  function connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${board.dataset.socket}`);
    socket.onopen = () => {
      live = true;
      wait = 1000;
      ask();
    };
    socket.onmessage = ({ data }) => {
      if (JSON.parse(data).stations.length) ask();
    };
    socket.onclose = () => {
      live = false;
      say();
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, MOST_WAIT_MS);
    };
  }

  connect();
  setInterval(() => {
    if (!document.hidden) ask();
  }, ANYWAY_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) ask();
  });
})();
