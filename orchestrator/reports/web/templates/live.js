"use strict";
(() => {
  const place = document.getElementById("live");
  if (!place || !window.EventSource) return;
  const source = new EventSource(place.dataset.events);
  source.addEventListener("changed", (event) => {
    // The server has escaped every text in it, and no script in it would run.
    place.innerHTML = JSON.parse(event.data);
    document.documentElement.dataset.updates = String(Number(document.documentElement.dataset.updates || 0) + 1);
  });
  source.addEventListener("ended", () => { source.close(); location.reload(); });
  window.addEventListener("pagehide", () => source.close());
})();
