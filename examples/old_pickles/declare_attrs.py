"""attrs before 22.2 stored a slotted object as a tuple; the class did not change."""

import um

from versionpickle import adopt


adopt(um.AS)
