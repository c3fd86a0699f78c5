"""`python -m nbconvex`: the command line.

Owns:  the way in, for where no script was installed.
Must not know: any command.
"""

import sys

from nbconvex.cli.main import main

sys.exit(main())
