package connix

// NewMaxRate lets tests put a ceiling before a limiter of their own.
var NewMaxRate = newMaxRate
