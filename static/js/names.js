/* Names for what the admin leaves nameless to screen readers: boxes that search as one types, fields in tables, and
   controls that are an icon alone. And the first field of a new row has the focus, whatever comes first. */
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

  // The admin's own script does so too, but finds no field before the styles are there, and one that becomes a box
  // that searches as one types is hidden afterwards.
  const focusFirst = () => {
    const name = document.getElementById("django-admin-form-add-constants")?.dataset.modelName;
    const fields = name ? Array.from(document.getElementById(`${name}_form`).elements) : [];
    const first = fields.find((field) => field.matches("button, input, select, textarea") && !field.disabled && field.offsetParent);
    if (!first || ![document.body, first].includes(document.activeElement)) return;
    (first.classList.contains("select2-hidden-accessible") ? first.nextElementSibling.querySelector("[role=combobox]") : first).focus();
  };

  window.addEventListener("load", () => {
    nameAll(document);
    hideIcons(document);
    focusFirst();
    // Boxes that search as one types are made by jQuery when it is ready, which may be after this.
    window.django?.jQuery?.(() => {
      nameAll(document);
      focusFirst();
    });
  });
  document.addEventListener("formset:added", (event) => setTimeout(() => {
    nameAll(event.target);
    hideIcons(event.target);
  }));
})();
