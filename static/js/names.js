/* Names for what the admin leaves nameless to screen readers: boxes that search as one types, fields in tables, and
   controls that are an icon alone. */
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

  // An icon is a word in a font of icons, and would be read aloud as that word.
  const ICON = ".material-symbols-outlined";
  const ICONS_ALONE = { ev_station: "Wattledger", more_horiz: "More", more_vert: "More", search: "Search", progress_activity: "Search" };

  const hideIcons = (root) => {
    for (const icon of root.querySelectorAll(ICON)) {
      icon.setAttribute("aria-hidden", "true");
      const control = icon.closest("a, button");
      if (!control || control.hasAttribute("aria-label") || control.title) continue;
      const rest = control.cloneNode(true);
      rest.querySelectorAll(ICON).forEach((each) => each.remove());
      const word = text(icon);
      if (!text(rest) && ICONS_ALONE[word]) control.setAttribute("aria-label", ICONS_ALONE[word]);
    }
  };

  window.addEventListener("load", () => {
    nameAll(document);
    hideIcons(document);
    // Boxes that search as one types are made by jQuery when it is ready, which may be after this.
    window.django?.jQuery?.(() => nameAll(document));
  });
  document.addEventListener("formset:added", (event) => setTimeout(() => {
    nameAll(event.target);
    hideIcons(event.target);
  }));
})();
