/*
 * A polyfill of :focus-visible for Safari before 15.4.
 * The focus ring shows after a key press and not after a click.
 */
(function () {
  var byKeyboard = false

  document.addEventListener("keydown", function (event) {
    byKeyboard = event.key === "Tab" || byKeyboard
  }, true)

  document.addEventListener("mousedown", function () {
    byKeyboard = false
  }, true)

  document.addEventListener("focusin", function (event) {
    if (byKeyboard) {
      event.target.classList.add("focus-ring")
    }
  })

  document.addEventListener("focusout", function (event) {
    event.target.classList.remove("focus-ring")
  })
})()
