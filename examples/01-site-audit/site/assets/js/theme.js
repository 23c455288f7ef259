(function () {
  var saved = localStorage.getItem("theme")
  document.documentElement.setAttribute("data-theme", saved === "dark" ? "dark" : "light")
})()
