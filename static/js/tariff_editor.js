// The tariff editor, made quicker: rows move in place, and what they mean is told while one types.
// Without this script every button still works: the server rearranges the rows and shows the page again.
(() => {
  const form = document.getElementById("tariff-editor");
  if (!form) return;
  const rows = form.querySelector("[data-rows]");
  const blank = form.querySelector("[data-blank]");
  const preview = form.querySelector("[data-preview]");
  let added = 0;
  let timer = 0;
  let asked = 0;
  let changed = false;

  function addRow() {
    const taken = new Set([...rows.children].map((row) => row.dataset.row));
    const made = blank.content.firstElementChild.dataset.row;
    let key;
    do key = `j${added++}`; while (taken.has(key));
    const row = blank.content.firstElementChild.cloneNode(true);
    row.dataset.row = key;
    for (const each of row.querySelectorAll("[name], [id], [for]")) {
      for (const name of ["name", "id", "for"]) {
        const value = each.getAttribute(name);
        if (value) each.setAttribute(name, value.replace(made + "-", key + "-"));
      }
      if (each.name === "row") each.value = key;
      if (each.name === "_act") each.value = each.value.replace(":" + made, ":" + key);
    }
    rows.append(row);
    form.querySelector("[data-empty]")?.remove();
    row.scrollIntoView({ block: "nearest" });
    row.querySelector("input:not([type=hidden])")?.focus();
  }

  function rearrange(row, move) {
    if (move === "remove") row.remove();
    if (move === "up") row.previousElementSibling?.before(row);
    if (move === "down") row.nextElementSibling?.after(row);
  }

  async function tell() {
    const turn = ++asked;
    const sent = new FormData(form);
    sent.delete("_act");
    const response = await fetch(form.dataset.previewUrl, { method: "POST", body: sent });
    if (!response.ok || turn !== asked) return;
    const told = await response.json();
    for (const row of rows.children) {
      row.querySelector("[data-sentence]").textContent = told.sentences[row.dataset.row] || "…";
    }
    const weekIsOpen = preview.contains(document.activeElement);
    if (!weekIsOpen || document.activeElement.name === "week") {
      preview.innerHTML = told.preview;
      if (weekIsOpen) preview.querySelector("[name=week]")?.focus();
    }
  }

  function tellSoon() {
    clearTimeout(timer);
    timer = setTimeout(tell, 350);
  }

  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[name=_act]");
    if (!button) return;
    const isFull = rows.children.length >= Number(rows.dataset.most);
    if (button.value === "add" && !isFull) addRow();
    else if (button.dataset.move) rearrange(button.closest("[data-row]"), button.dataset.move);
    else return;
    event.preventDefault();
    changed = true;
    tellSoon();
  });
  form.addEventListener("input", (event) => {
    changed = changed || event.target.name !== "week";
    tellSoon();
  });

  // What was typed and not saved is asked about before it is left.
  form.addEventListener("submit", () => { changed = false; });
  window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
})();
