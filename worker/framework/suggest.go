package framework

// A Suggester is a Description that detects nothing by itself, and knows what a
// config would say for projects that others do not know.
type Suggester interface {
	// Suggest returns lines for the config, with the file that shows what the
	// project is; nil if it does not know the project.
	Suggest(dir string) *Unsupported
}
