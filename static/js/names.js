/* Names for what the admin leaves nameless to screen readers: boxes that search as one types, and fields in tables. */
"use strict";

(() => {
  const text = (element) => element?.textContent.replace(/\s+/g, " ").trim() ?? "";

  const columnOf = (field) => {
    const cell = field.closest("td");
    const row = cell?.closest("tr");
    const heads = cell?.closest("table")?.querySelectorAll("thead th");
    return cell && row && heads ? text(heads[Array.from(row.cells).indexOf(cell)]) : "";
  };

  const labelOf = (field) => text(field.labels?.[0]).replace(/\*$/, "").trim() || columnOf(field);

  const nameAll = (root) => {
    for (const field of root.querySelectorAll("input:not([type=hidden]), select, textarea")) {
      const name = labelOf(field);
      if (!name) continue;
      if (!field.labels?.length && !field.hasAttribute("aria-label")) field.setAttribute("aria-label", name);
      const box = field.nextElementSibling;
      if (box?.classList.contains("select2")) {
        for (const part of box.querySelectorAll("[role=combobox], [role=textbox]")) part.setAttribute("aria-label", name);
      }
    }
  };

  window.addEventListener("load", () => nameAll(document));
  document.addEventListener("formset:added", (event) => setTimeout(() => nameAll(event.target)));
})();
