"use strict";
for (const flash of document.querySelectorAll(".flash")) {
  flash.addEventListener("click", () => flash.remove());
}
document.documentElement.dataset.script = "ran";
