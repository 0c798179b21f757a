package report

// Line is line.
var Line = line
