// Opens and closes the menu on narrow screens.
(function () {
  var button = document.querySelector(".menu-button")
  var menu = document.getElementById("site-menu")
  if (!button || !menu) {
    return
  }

  function setState(element, state, on) {
    element.classList.toggle("is-" + state, on)
  }

  button.addEventListener("click", function () {
    var open = button.getAttribute("aria-expanded") !== "true"
    button.setAttribute("aria-expanded", String(open))
    setState(menu, "open", open)
  })

  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") {
      button.setAttribute("aria-expanded", "false")
      setState(menu, "open", false)
    }
  })
})()
