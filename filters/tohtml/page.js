/* SPDX-License-Identifier: MIT */
/* A click on a column's title sorts by it, and each table has a box that filters its rows. */
"use strict";
for (const table of document.querySelectorAll("table.sort")) {
	const body = table.tBodies[0];
	const titles = [...table.tHead.rows[0].cells];
	const text = (row, i) => row.cells[i].textContent.trim();
	const number = (row, i) => {
		const n = parseFloat(text(row, i).replace(/,/g, ""));
		return isNaN(n) ? -Infinity : n;
	};
	const sort = (title, i) => {
		const numeric = title.classList.contains("n");
		const down = title.ariaSort ? title.ariaSort === "ascending" : numeric;
		const order = numeric ? (a, b) => number(a, i) - number(b, i) || 0 :
			(a, b) => text(a, i) < text(b, i) ? -1 : text(a, i) > text(b, i) ? 1 : 0;
		for (const other of titles)
			other.ariaSort = null;
		title.ariaSort = down ? "descending" : "ascending";
		body.append(...[...body.rows].sort((a, b) => down ? order(b, a) : order(a, b)));
	};
	table.classList.add("sortable");
	titles.forEach((title, i) => {
		title.tabIndex = 0;
		title.addEventListener("click", () => sort(title, i));
		title.addEventListener("keydown", e => {
			if (e.key === "Enter")
				sort(title, i);
		});
	});
	if (body.rows.length < 5)
		continue;
	const box = document.createElement("input");
	box.type = "search";
	box.placeholder = "filter rows";
	box.setAttribute("aria-label", "filter rows");
	box.addEventListener("input", () => {
		const words = box.value.toLowerCase().split(/\s+/);
		for (const row of body.rows) {
			const all = row.textContent.toLowerCase();
			row.hidden = !words.every(w => all.includes(w));
		}
	});
	table.parentNode.before(box);
}
