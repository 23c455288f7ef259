// Writes today's opening hours where the script stands.
(function () {
  var hours = ["Closed", "Closed", "8:30 to 17:30", "8:30 to 17:30", "8:30 to 19:00", "8:30 to 17:30", "9:00 to 16:00"]
  var today = hours[new Date().getDay()]
  document.write('<p class="hours">Open today: <strong>' + today + "</strong></p>")
})()
