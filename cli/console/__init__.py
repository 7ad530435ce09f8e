"""What commands share: options, output, and a flow that is run and watched.

Not here: commands.
"""
