// Package page makes the page of a run: one HTML file that needs no other, no network
// and, but for the list of all tests, neither scripts nor styles. It reads well on
// paper, on a phone, in the dark, and by keyboard.
//
// It is a pure function of a report and of what its caller knows besides: it reads no
// file and asks no history. What tests say of themselves is text to it, never markup.
package page
