"""The file of log_file: what each test adds to it travels, and the replay puts
it together in the order of the suite."""

import os


class LogFile:
    """pytest's own handler for that file. It does nothing when there is none.
    Workers may share a source tree: with private, it writes to that file
    instead. A project that changes the file while it runs has its own way."""

    def __init__(self, config, private=None):
        plugin = config.pluginmanager.getplugin("logging-plugin")
        self._handler = getattr(plugin, "log_file_handler", None)
        self.path = getattr(self._handler, "baseFilename", os.devnull)
        if self.path == os.devnull:
            self.path = self._handler = None
        elif private is not None:
            plugin.set_log_path(private)
            self.path = private
        self._read = 0

    def more(self):
        """What was added since the last call."""
        if self._handler is None or getattr(self._handler.stream, "name", None) != self.path:
            return ""
        try:
            self._handler.flush()
            with open(self.path, encoding=self._handler.encoding, errors="replace") as f:
                f.seek(self._read)
                text = f.read()
                self._read = f.tell()
            return text
        except (OSError, ValueError):
            return ""

    def add(self, text):
        if self._handler is not None and self._handler.stream is not None:
            self._handler.stream.write(text)
            self._handler.flush()
