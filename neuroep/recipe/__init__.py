"""How a network is trained: phases, step sizes, epochs, how hardware is programmed. Frozen, and without state."""

from neuroep.recipe.phases import IN_TIME as IN_TIME
from neuroep.recipe.phases import OF_SPIKES as OF_SPIKES
from neuroep.recipe.phases import SWEEPS as SWEEPS
from neuroep.recipe.phases import Encoder as Encoder
from neuroep.recipe.phases import Estimator as Estimator
from neuroep.recipe.phases import Form as Form
from neuroep.recipe.phases import Order as Order
from neuroep.recipe.phases import Phases as Phases
from neuroep.recipe.programming import WINDOW as WINDOW
from neuroep.recipe.programming import Method as Method
from neuroep.recipe.programming import Programming as Programming
from neuroep.recipe.programming import Reads as Reads
from neuroep.recipe.programming import Trains as Trains
from neuroep.recipe.training import ADAMS as ADAMS
from neuroep.recipe.training import SGD as SGD
from neuroep.recipe.training import Scale as Scale
from neuroep.recipe.training import Training as Training
from neuroep.recipe.whole import OWN_SETTINGS as OWN_SETTINGS
from neuroep.recipe.whole import Recipe as Recipe
