// The booking form: checks it, shows a summary, says that it was sent.
(function () {
  var form = document.getElementById("booking-form")
  var summary = document.getElementById("booking-summary")
  if (!form || !summary) {
    return
  }

  function setState(element, state, on) {
    element.classList.toggle(`is-${state}`, on)
  }

  function dayOf(value) {
    return window.moment ? window.moment(value).format("dddd D MMMM") : value
  }

  function missing() {
    return Array.prototype.filter.call(form.elements, function (field) {
      var empty = field.required && !field.value
      setState(field, "missing", empty)
      return empty
    })
  }

  window.showThanks = function () {
    setState(form, "busy", false)
    setState(summary, "done", true)
  }

  form.addEventListener("submit", function (event) {
    event.preventDefault()
    if (missing().length > 0) {
      return
    }
    setState(form, "busy", true)
    var name = form.elements.customer.value
    var bike = form.elements.bike.value
    summary.innerHTML = "<h2>Thank you, " + name + "</h2><p>Your " + bike + " is booked for " +
      dayOf(form.elements.day.value) + ".</p>"
    setTimeout("showThanks()", 600)
  })
})()
