"""What the pages share: loaders, state, notices, charts and the inline components."""
