"use strict";
(() => {
  const all = (what) => Array.from(document.querySelectorAll(what));
  const tools = document.getElementById("tools");
  const words = document.getElementById("words");
  const told = document.getElementById("told");
  const rows = all(".tree .row, .entries .entry");
  const texts = rows.map((row) => row.textContent.toLowerCase());
  tools.hidden = false;

  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    rows.forEach((row, at) => {
      const fits = wanted.every((word) => texts[at].includes(word));
      row.classList.toggle("gone", !fits);
      left += fits ? 1 : 0;
    });
    told.textContent = wanted.length ? left + " of " + rows.length + " lines and entries" : "";
  };
  const fold = (open) => all(".tree details").forEach((one) => { one.open = open; });
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let at = target; at; at = at.parentElement) {
      at.classList.remove("gone");
      if (at.tagName === "DETAILS") at.open = true;
    }
    target.scrollIntoView();
  };

  words.addEventListener("input", filter);
  document.getElementById("unfold").addEventListener("click", () => fold(true));
  document.getElementById("fold").addEventListener("click", () => fold(false));
  window.addEventListener("hashchange", reveal);
  window.addEventListener("beforeprint", () => fold(true));
  reveal();
})();
