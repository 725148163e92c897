# %% [markdown]
# # 05 · Stock LSTM: can it see tomorrow?
#
# **You build.** The stock forecaster of a hundred tutorials, with the plot that looks wonderful; the few lines that
# show what it really does; a detector for leaks from the future; an honest forecaster of returns; and the same network
# on a series where there *is* something to learn.
#
# **Time.** One to two minutes for a machine with two CPU cores (more for a long file of your own); an evening for you.
#
# **You need.** Chapters 01 and 02 (training, validation, overfitting) and from chapter 04 the LSTM.
#
# This is a lesson about *measuring*, not financial advice. Nothing here tells you to buy or sell anything.
#
# Before each cell, guess what it will print. One question returns all the time: is it better than saying "tomorrow will
# be like today"?

# %%
from course_utils import device, plots, results, training, widgets
from course_utils.checks import chapter05 as check
from course_utils.datasets import stocks, store

device.prepare()  # before Keras: a quiet start, and one sentence on what runs here
plots.use_style()

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from scipy.stats import binomtest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor

# %% tags=["parameters"]
SEED = 0  # in a run from top to bottom, every random number follows from it
CSV = ""  # path of your own file with a date and a close column; "" for Google's prices 2004-2008
MAX_DAYS = 1_500  # of a longer file only the last so many days are kept: about six years
LOOKBACK = 60  # how many days a forecaster looks back
HORIZON = 5  # how many days ahead section 5 looks
EPOCHS = 20  # of the popular recipe, and of the seasonal series
SMOKE = False  # True cuts days and training to seconds, to see that the code runs

# %%
keras.utils.set_random_seed(SEED)

# %% [markdown]
# ## 1. What does a price look like?
#
# One closing price per trading day. To use your own stock, set `CSV` at the top to the path of a file (section 8 says
# which files are read); everything below then speaks of your stock.

# %%
prices = stocks.load(csv=CSV)
if MAX_DAYS < 300:
    raise ValueError(f"MAX_DAYS={MAX_DAYS} is too few for a test and a validation stretch. Pass 300 or more.")
kept_days = min(400 if SMOKE else MAX_DAYS, len(prices.close))
if kept_days < len(prices.close):
    print(f"Only the last {kept_days:,} of {len(prices.close):,} days are kept.")
source = prices.provenance._replace(limit=kept_days if kept_days < len(prices.close) else None)
dates, close = prices.dates[-kept_days:], prices.close[-kept_days:]
unit = "dollars" if source.kind == "bundled" else "currency of the file"
needed = max(100, 5 * HORIZON)  # days that have LOOKBACK days before them
if LOOKBACK < 1 or HORIZON < 1 or len(close) - LOOKBACK < needed:
    raise ValueError(
        f"LOOKBACK={LOOKBACK} and HORIZON={HORIZON} do not fit {len(close):,} days of prices. Pass "
        f"numbers from 1 on with LOOKBACK + max(100, 5 * HORIZON) <= {len(close)}, or more days."
    )

# The last fifth of the days that have LOOKBACK days before them is the test.
first_test = LOOKBACK + int(0.8 * (len(close) - LOOKBACK))
print(f"{len(close):,} days from {dates[0]} to {dates[-1]}; the test begins on {dates[first_test]}")

# %% alt="The closing price against time. The last fifth of the time is shaded: the test period."
def shade_test(ax, dates, first_test):
    ax.axvspan(dates[first_test], dates[-1], color="0.9", zorder=0)
    ax.tick_params(axis="x", rotation=30)


figure, ax = plt.subplots(figsize=(8.5, 3.2))
ax.plot(dates, close, linewidth=1)
shade_test(ax, dates, first_test)
ax.set(xlabel="date", ylabel=f"close ({unit})", title="the test period is grey")
plt.show()
before, after = close[:first_test], close[first_test:]
outside = np.mean((after < before.min()) | (after > before.max()))
for name, part in {"before the test": before, "in the test": after}.items():
    print(f"{name:15s} from {part.min():.2f} to {part.max():.2f}")
print(f"test days at a price never seen before: {outside:.0%}")

# %% [markdown]
# **Why is the test the end, and not days drawn at random?** Because that is the situation: you know the past, and the
# future comes in one piece. (Google's test period is 2008, with its crash. The past does not have to look like it.)
#
# A rise of 5 means something else at a price of 100 than at 700. So people look at the **log return**,
# $r_t = \log p_t - \log p_{t-1}$: nearly the percentage change of a day, and the sum over days is the return of the
# whole time. Its spread is called **volatility**. Does one day's return tell you something about the next?

# %% alt="Left, the daily log returns against time, a band around zero. Right, the volatility of the last 21 days against time, scaled to a year."
returns = np.diff(np.log(close))  # (days - 1,): returns[i] leads from day i to day i + 1
recent = np.lib.stride_tricks.sliding_window_view(returns, 21).std(axis=1)
figure, axes = plt.subplots(1, 2, figsize=(10.5, 3.2))
axes[0].plot(dates[1:], 100 * returns, linewidth=0.6)
axes[0].set(xlabel="date", ylabel="log return (%)")
axes[1].plot(dates[21:], 100 * recent * np.sqrt(252), color=plots.PALETTE[1])
axes[1].set(xlabel="date", ylabel="volatility (% per year)", ylim=(0, None))
for ax in axes:
    shade_test(ax, dates, first_test)
plt.show()

chance = 1.96 / np.sqrt(len(returns))  # 95 % of unrelated series stay below it
for name, series in {"return": returns, "size of the return": np.abs(returns)}.items():
    related = np.corrcoef(series[:-1], series[1:])[0, 1]
    verdict = "more than" if abs(related) > chance else "within"
    print(f"{name:18s} today and tomorrow: correlation {related:+.3f}", end=", ")
    print(f"{verdict} chance (±{chance:.3f})")

# %% [markdown]
# **What we saw.** On most stocks the *return* of one day is hardly related to the next day's, while its *size* often
# is: calm days follow calm days, wild days follow wild days. (The ± is for independent returns; wild periods widen it.)
# If nothing in the past told anything about the next return, and it were zero on average, today's price would be about
# the best forecast. Such a price is loosely called a **random walk** (strictly: all steps independent). Keep that in
# mind. It is the opponent.
#
# ## 2. How good is no model at all?
#
# A forecaster looks at `LOOKBACK` days and says something about the next. Here is how a series becomes examples;
# everything in this chapter goes through this one function. Try it on ten days before you believe it:

# %% tags=["nbval-check-output"]
def windows(series, lookback, horizon=1):
    starts = np.arange(len(series) - lookback - horizon + 1)
    x = series[starts[:, None] + np.arange(lookback)]  # (n, lookback, features)
    y = series[starts[:, None] + lookback + np.arange(horizon), 0]  # (n, horizon), first feature
    return x, y


ten_days = np.arange(10)[:, None]  # (10 days, 1 feature)
toy_x, toy_y = windows(ten_days, lookback=4, horizon=2)
print("x", toy_x.shape, "y", toy_y.shape)
for window, targets in zip(toy_x[:3, :, 0], toy_y[:3]):
    print(f"from days {window} forecast days {targets}")

# %% [markdown]
# Three forecasts of tomorrow that need no network. **Naive**: tomorrow equals today. **Moving average**: the mean of
# the last days. **Drift**: today's price plus the mean daily growth of the training period. And three measures of
# error: MAE, the mean absolute error; RMSE, the root of the mean squared error, which punishes large misses; MAPE, the
# mean error in percent of the price. Which forecast wins?

# %%
def errors(forecast, actual):
    if forecast.shape != actual.shape:
        raise ValueError(f"forecast {forecast.shape}, actual {actual.shape}. Pass equal shapes.")
    miss = forecast - actual
    return {
        "MAE": np.abs(miss).mean(),
        "RMSE": np.sqrt((miss**2).mean()),
        "MAPE": 100 * np.abs(miss / actual).mean(),
    }


def show_errors(forecasts, actual, naive):
    naive_rmse = errors(naive, actual)["RMSE"]
    print(f"{'forecast':28s}     MAE    RMSE  MAPE %  RMSE / naive")
    for name, forecast in {"naive": naive, **forecasts}.items():
        mae, rmse, mape = errors(forecast, actual).values()
        print(f"{name:28s}{mae:8.2f}{rmse:8.2f}{mape:8.2f}{rmse / naive_rmse:14.3f}")


test_days = np.arange(first_test, len(close))
actual, naive = close[test_days], close[test_days - 1]  # (n,) each
growth = np.exp(returns[: first_test - 1].mean())  # per day, in the training period only
baselines = {
    "moving average, 5 days": np.array([close[day - 5 : day].mean() for day in test_days]),
    "moving average, 20 days": np.array([close[day - 20 : day].mean() for day in test_days]),
    "drift": naive * growth,
}
show_errors(baselines, actual, naive)

# %% alt="The price on the last test days with three forecasts: the naive one is the price moved one day to the right, the two moving averages are smoother and later."
zoom = test_days[-40:]  # a few weeks, to see single days
figure, ax = plt.subplots(figsize=(8.5, 3.4))
ax.plot(dates[zoom], close[zoom], "k.-", label="price")
ax.plot(dates[zoom], naive[-40:], label="naive")
for (name, forecast), style in zip(baselines.items(), ("--", "-.")):  # drift lies on naive
    ax.plot(dates[zoom], forecast[-40:], style, label=name)
ax.set(xlabel="date", ylabel=f"close ({unit})")
ax.tick_params(axis="x", rotation=30)
ax.legend()
plt.show()

# %% [markdown]
# **What we saw.** On a stock it is usually hard to beat naive: averaging mixes the newest price with older, staler ones,
# and the drift of one day is tiny beside its noise (we did not draw it: its line would lie on naive's). From here on
# **naive stands beside everything**. The last column, RMSE divided by naive's, is the one to read. Below 1 somebody *may*
# know something: on this many days luck alone moves it by a percent or so. Section 5 measures by how much.
#
# ## 3. What about the recipe that everybody copies?
#
# You have seen it: scale the prices to [0, 1], 60 days in, an LSTM of 50 units with ReLU, one `Dense` unit out, mean
# squared error, batches of 32, 20 epochs, the last 20 % for the test, and of the rest 20 % for validation. We do
# exactly that, including a line that we shall take up in section 4: the popular code computes minimum and maximum
# **over all days**.

# %%
low, high = close.min(), close.max()  # over all days: see section 4
scaled = (close - low) / (high - low)  # (days,), from 0 to 1
level_x, level_y = windows(scaled[:, None], LOOKBACK)  # (n, LOOKBACK, 1), (n, 1)
cut = int(0.8 * len(level_x))  # window `cut` forecasts day first_test
print(f"{cut} windows to train and validate, {len(level_x) - cut} to test")

# %% [markdown]
# How many parameters? An LSTM holds four small layers; each unit of each of them has one weight for the input, one for
# each of the 50 units a step before it in time, and a bias.

# %% tags=["nbval-check-output"]
def build_recipe(lookback):
    return keras.Sequential([
        keras.Input(shape=(lookback, 1)),
        layers.LSTM(50, activation="relu"),  # (batch, 50)
        layers.Dense(1),  # (batch, 1)
    ])


counted_model = build_recipe(60)
for layer in counted_model.layers:
    name, shape = type(layer).__name__, str(layer.output.shape)
    print(f"{name:6s} {shape:10s} {layer.count_params():7,d} parameters")
print(f"by hand: {4 * 50 * (1 + 50 + 1):,} and {50 + 1}")

# %%
recipe_model = build_recipe(LOOKBACK)
recipe_model.compile(optimizer="adam", loss="mse")
recipe_history = recipe_model.fit(
    level_x[:cut], level_y[:cut], validation_split=0.2,
    batch_size=32, epochs=1 if SMOKE else EPOCHS, verbose=0, callbacks=training.progress(),
)
num_fitted = int(cut * (1 - 0.2))  # Keras keeps the last windows for validation
seen_top = close[: LOOKBACK + num_fitted].max()
print(f"highest price that it was fitted on: {seen_top:.2f}", end="; ")
print(f"test days above: {np.mean(actual > seen_top):.0%}")

# %% [markdown]
# `validation_split` takes the *newest* fifth of what was given: the weights were never fitted on the time just before the
# test. So "never seen before" is asked of other days here than in section 1. Remember that share.
#
# One training could be good or bad luck. Let us train the very same recipe again from other initial weights. From here
# on we look at the **middle** one of the trainings, so that neither a lucky nor an unlucky one decides. (Middle by its
# *test* error: good enough to draw a typical one. To choose a model you want to use, that would be cheating.)

# %%
num_trainings = 1 if SMOKE else 3
level_models = [recipe_model]
for _ in range(num_trainings - 1):
    again_model = build_recipe(LOOKBACK)
    again_model.compile(optimizer="adam", loss="mse")
    again_model.fit(
        level_x[:cut], level_y[:cut], validation_split=0.2,
        batch_size=32, epochs=EPOCHS, verbose=0, callbacks=training.progress(),
    )
    level_models.append(again_model)
level_forecasts = [
    np.asarray(model(level_x[cut:]))[:, 0] * (high - low) + low for model in level_models
]
level_rmse = [errors(forecast, actual)["RMSE"] for forecast in level_forecasts]
middle_training = int(np.argsort(level_rmse)[num_trainings // 2])
recipe_forecast = level_forecasts[middle_training]  # (n,), in the unit of the prices

# %% [markdown]
# Here is the picture that every such article ends with, and the number under it. Honestly: would you believe it? (On
# the left is the first training; the dotted line is naive's error over training and validation days together.)

# %% alt="Left, training and validation loss of the first training over the epochs, with naive's error as a line. Right, all prices against time; over the test period lie the network's forecast and, dotted, the naive one; on this scale whatever stays near the price seems to be right."
figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), width_ratios=(1, 2))
plots.loss_curves({"recipe": recipe_history.history}, axes[0])
naive_loss = np.mean(np.diff(scaled[LOOKBACK - 1 : first_test]) ** 2)
axes[0].axhline(naive_loss, color="0.5", linestyle=":", label="naive, both parts")
axes[0].set(yscale="log", title="training 1")
axes[0].legend()
axes[1].plot(dates, close, "k", linewidth=1, label="actual price")
axes[1].plot(dates[test_days], recipe_forecast, label="forecast of the LSTM")
axes[1].plot(dates[test_days], naive, ":", color="0.5", label="naive")
axes[1].set(xlabel="date", ylabel=f"close ({unit})")
axes[1].tick_params(axis="x", rotation=30)
axes[1].legend()
plt.show()
print(f"RMSE of the LSTM: {errors(recipe_forecast, actual)['RMSE']:.2f} ({unit})")

# %% [markdown]
# The article ends here. The grey line is not in its picture, and no other number stands beside the RMSE. On a scale
# that shows the whole time, *anything* that stays near yesterday's price looks wonderful. Now the table, and a number
# to remember: naive's error as a share of the recipe's, the mean over the trainings. (This way round, because a single
# training that diverged would rule a mean of recipe / naive.) At 1 the recipe would be as good as naive.

# %%
show_errors({"LSTM, the popular recipe": recipe_forecast}, actual, naive)
naive_rmse = errors(naive, actual)["RMSE"]
level_ratios = np.array(level_rmse) / naive_rmse
print("RMSE / naive of each training:", level_ratios.round(3))
if np.isfinite(level_ratios).all():
    naive_share = np.mean(1 / level_ratios)
    print(f"naive / recipe {naive_share:.3f}:", end=" ")
    print(f"the recipe's error is about {1 / naive_share:.1f} times naive's")
    results.report("05", seed=SEED, data=source, smoke=SMOKE, naive_over_level=naive_share)
else:
    print("A training diverged: ReLU in an LSTM can let numbers grow without limit.")
above = actual > seen_top
for name, side in {"above": above, "up to": ~above}.items():
    if side.any():
        rmse, naive_side = (errors(f[side], actual[side])["RMSE"] for f in (recipe_forecast, naive))
        print(f"test days {name} {seen_top:.2f}: RMSE {rmse:.2f}, naive {naive_side:.2f}")

# %% [markdown]
# ### What does it really say?
#
# Look at a few weeks instead of the whole period. And ask: to *which day's* price is the forecast for a day closest?
# To that day's, one would hope. Then the hardest question: the forecast *change*, from today's known price, against the
# change that came. A forecaster who knows something has a cloud that rises.

# %% alt="Three panels. The last forty test days: the price, the forecast, and the naive one, which is the price a day late. Bars: the distance of the forecast from the price of the same day and of the days before, with naive's RMSE as a line. A scatter plot of forecast change against actual change with the naive forecast as a line at zero."
lags = np.arange(11)
distances = [errors(recipe_forecast, close[test_days - lag])["RMSE"] for lag in lags]
figure, axes = plt.subplots(1, 3, figsize=(12.5, 3.6), width_ratios=(1.5, 1, 1))
axes[0].plot(dates[zoom], actual[-40:], "k.-", label="price")
axes[0].plot(dates[zoom], recipe_forecast[-40:], label="LSTM")
axes[0].plot(dates[zoom], naive[-40:], ":", color="0.5", label="naive")
axes[0].set(xlabel="date", ylabel=f"close ({unit})")
axes[0].tick_params(axis="x", rotation=30)
axes[0].legend()
axes[1].bar(lags, distances)
axes[1].axhline(naive_rmse, color="0.5", linestyle=":", label="naive to the same day")
axes[1].set(xlabel="to the price … days earlier", ylabel=f"RMSE ({unit})")
axes[1].margins(y=0.25)  # room for the legend
axes[1].legend(loc="upper center", fontsize=8)
axes[2].plot(recipe_forecast - naive, actual - naive, ".", markersize=4)
axes[2].axvline(0, color="0.5", linestyle=":", label="naive: no change")
axes[2].set(xlabel=f"forecast change ({unit})", ylabel=f"actual change ({unit})")
axes[2].legend()
plt.show()

closest = int(np.argmin(distances))
print(f"RMSE to the price of its own day {distances[0]:.2f}, of the day before {distances[1]:.2f}")
print(f"it is closest to the price {closest} day(s) earlier")
related = np.corrcoef(recipe_forecast, actual)[0, 1]
print(f"correlation of forecast and price: {related:.3f}", end="; ")
change_related = np.corrcoef(recipe_forecast - naive, actual - naive)[0, 1]
print(f"of their changes from today: {change_related:+.3f}")

# %% [markdown]
# **What we saw.** Where the bars fall to the right, the forecast for a day resembles the price of the day *before*, and of
# the days before that, more than its own: it is an old price, slightly smoothed. A high correlation of the *levels* proves
# nothing, since neighbouring prices are alike anyway; the correlation of the *changes* is the number to ask for. Where it is
# worse than naive, which is so easy: why? Mean squared error on levels teaches "be near the last prices". Naive copies
# the last one exactly; the network has to build a copy out of weights and gates and gets a blurred one, often a worse one
# at prices for which it had no examples (the two lines under the table compare them).
#
# ## 4. What did it know that it could not know?
#
# The recipe scaled with the minimum and maximum of *all* days. Standing on the last day before the test, you do not
# know the highest price of the year to come. That is a **leak**: something from the test reaches the training. How much
# did it know? Suppose that we had cut at other days:

# %% alt="The highest and lowest price seen so far against the day of the cut, as steps, with the highest and lowest of all days as dotted lines and the price itself. Early on, the scaler of all days knows prices that have not come yet."
figure, ax = plt.subplots(figsize=(8.5, 3.2))
ax.plot(dates, close, linewidth=0.8, label="price")
ax.plot(dates, np.maximum.accumulate(close), "--", label="highest so far")
ax.plot(dates, np.minimum.accumulate(close), "-.", label="lowest so far")
for limit in (low, high):
    ax.axhline(limit, color="0.5", linestyle=":")
shade_test(ax, dates, first_test)
ax.set(xlabel="day of the cut", ylabel=f"close ({unit})")
ax.legend()
plt.show()
for cut_day in (len(close) // 4, len(close) // 2, first_test):
    known_share = np.ptp(close[:cut_day]) / (high - low)
    print(f"cut on {dates[cut_day]}: {known_share:.0%} of the range is known", end="")
    print(" (our test begins)" if cut_day == first_test else "")

# %% [markdown]
# The correct way: **fit on the training part only**, then apply to everything. Prices in the test may then lie outside
# [0, 1]; that is not a mistake, that is life. Does it change the score? (The number that we reported above is the
# popular recipe's, scaled over all days.)

# %%
fitted_low, fitted_high = before.min(), before.max()  # of the days before the test
fitted_scaled = (close - fitted_low) / (fitted_high - fitted_low)
difference = np.abs(fitted_scaled - scaled).max()
print(f"largest difference between the two scalings: {difference:.3f}")
if difference < 1e-9:
    print("Highest and lowest price came before the test: the same numbers, so the same result.")
else:
    fitted_x, fitted_y = windows(fitted_scaled[:, None], LOOKBACK)
    fitted_model = build_recipe(LOOKBACK)
    fitted_model.compile(optimizer="adam", loss="mse")
    fitted_model.fit(
        fitted_x[:cut], fitted_y[:cut], validation_split=0.2,
        batch_size=32, epochs=1 if SMOKE else EPOCHS, verbose=0, callbacks=training.progress(),
    )
    fitted_said = np.asarray(fitted_model(fitted_x[cut:]))[:, 0]
    fitted_forecast = fitted_said * (fitted_high - fitted_low) + fitted_low
    both_ways = {"scaled over all days": recipe_forecast, "over training days": fitted_forecast}
    show_errors(both_ways, actual, naive)

# %% [markdown]
# For Google's prices and the chapter's own settings the two are the same numbers: the leak does *nothing at all*, by
# luck, not by care. For another stock, or another cut, the scores can differ, in either direction: two trainings differ
# anyhow, as we saw. That is the trouble with leaks: **the score does not tell you**. So do not look at scores, look at
# *days*. Write down which days a pipeline uses for what, its **plan**, and let a function compare. Four leaks are common:
#
# - **scaler**: it has seen days of the test;
# - **target inside**: a window reaches the days that it is to forecast;
# - **split**: windows from the test period train, as after a random split;
# - **overlap**: the window ends in time, but what it is to forecast reaches into the test.

# %%
class Plan(NamedTuple):  # all entries are numbers of days
    train_inputs: np.ndarray  # (n, lookback)
    train_targets: np.ndarray  # (n, horizon)
    test_inputs: np.ndarray  # (m, lookback)
    test_targets: np.ndarray  # (m, horizon)
    scaler_days: np.ndarray  # (k,), the days that the scaler was fitted on


def find_leaks(plan):
    first_test_day = plan.test_targets.min()
    leaks = {}
    if plan.scaler_days.max() >= first_test_day:
        leaks["scaler"] = f"saw day {plan.scaler_days.max()}, the test begins on {first_test_day}"
    parts = {
        "training": (plan.train_inputs, plan.train_targets),
        "test": (plan.test_inputs, plan.test_targets),
    }
    for part, (inputs, targets) in parts.items():
        inside = inputs.max(axis=1) >= targets.min(axis=1)
        if inside.any():
            leaks[f"target inside, {part}"] = f"{inside.sum()} windows reach their own targets"
    mixed = plan.train_inputs.max(axis=1) >= first_test_day
    if mixed.any():
        leaks["split"] = f"{mixed.sum()} training windows lie in the test period"
    reaching = (plan.train_targets.max(axis=1) >= first_test_day) & ~mixed
    if reaching.any():
        leaks["overlap"] = f"{reaching.sum()} training targets lie in the test period"
    return leaks

# %% [markdown]
# Does it work? A detector that was never shown a leak is a smoke alarm that was never tested. We plant each leak, one at
# a time. And as a smoke alarm that always rings is no better: clean plans, too.

# %%
def make_plan(num_days, lookback, horizon, leak=""):
    last = np.arange(lookback - 1, num_days - horizon)  # last day of each window
    inputs = last[:, None] + np.arange(1 - lookback, 1)
    targets = last[:, None] + np.arange(1, horizon + 1)
    if leak == "target inside":
        inputs = inputs + (horizon + 1) // 2  # half way into the targets
    order = np.arange(len(last))
    if leak == "split":
        order = np.random.default_rng(0).permutation(order)
    cut = int(0.8 * len(last))
    gap = 0 if leak == "overlap" else horizon - 1  # windows whose targets cross the border
    train, test = order[: cut - gap], order[cut:]
    days = np.arange(num_days) if leak == "scaler" else np.unique(inputs[train])
    return Plan(inputs[train], targets[train], inputs[test], targets[test], days)


for leak in ("", "scaler", "target inside", "split", "overlap"):
    print(f"planted: {leak or 'nothing'}")
    for name, trouble in find_leaks(make_plan(1_000, 60, 5, leak)).items():
        print(f"    found: {name}: {trouble}")

# %% [markdown]
# A random split sets off more than one alarm: windows of the test period train, and by them the scaler has seen it.
# Now in numbers, over many lengths and horizons. Also the plan of our recipe, as it was run and with the correct scaler.

# %%
missed = false_alarms = num_planted = num_clean = 0
for num_days in (300, 1_000, 5_000):
    for lookback in (5, 60):
        for horizon in (1, 5, 20):
            num_clean += 1
            false_alarms += bool(find_leaks(make_plan(num_days, lookback, horizon)))
            for leak in ("scaler", "target inside", "split", "overlap"):
                if leak == "overlap" and horizon == 1:
                    continue  # one day ahead there is nothing to overlap
                num_planted += 1
                found = find_leaks(make_plan(num_days, lookback, horizon, leak))
                missed += not any(name.startswith(leak) for name in found)
print(f"{missed} of {num_planted} planted leaks missed")
print(f"{false_alarms} of {num_clean} clean plans accused")
results.report("05", seed=SEED, smoke=SMOKE, leaks_missed=missed, false_alarms=false_alarms)

day_x, day_y = windows(np.arange(len(close))[:, None], LOOKBACK)  # numbers of days, as if prices
day_inputs, all_days = day_x[:, :, 0], np.arange(len(close))
recipe_plan = Plan(day_inputs[:cut], day_y[:cut], day_inputs[cut:], day_y[cut:], all_days)
print("our recipe:", find_leaks(recipe_plan))
repaired_plan = recipe_plan._replace(scaler_days=all_days[:first_test])
print("scaler fitted on training days:", find_leaks(repaired_plan) or "nothing found")

# %% [markdown]
# A plan is what you *say* that you do. What if the code does something else? There is a second test that needs no plan.
# **Replace the future** by others that have nothing to do with it, and run the preparation again: whatever may not know
# the future must not move. Here two that look innocent: prices smoothed with a *centred* average, which looks two days
# ahead, and the popular line with the minimum and maximum of all days:

# %%
def depends_on_future(prepare, prices, first_test_day):
    names = ("x_train", "y_train", "first test window")
    before, moved = prepare(prices), set()
    for seed in range(20):  # by luck, one other future could look like the real one to a feature
        steps = np.random.default_rng(seed).normal(size=len(prices) - first_test_day)
        changed = prices.copy()
        changed[first_test_day:] = prices[first_test_day - 1] * np.exp(np.cumsum(0.1 * steps))
        for name, b, a in zip(names, before, prepare(changed)):
            if not np.array_equal(b, a, equal_nan=True):
                moved.add(name)
    return [name for name in names if name in moved]


def prepare_plain(prices, smoothing=1):
    smooth = np.convolve(prices, np.ones(smoothing) / smoothing, mode="same")
    x, y = windows(smooth[:, None], lookback=60)
    return x[:140], y[:140], x[140]  # window 140 forecasts day 200


def prepare_smoothed(prices):
    return prepare_plain(prices, smoothing=5)


def prepare_scaled(prices):
    return prepare_plain((prices - prices.min()) / (prices.max() - prices.min()))


pipelines = {"plain": prepare_plain, "smoothed": prepare_smoothed, "min-max": prepare_scaled}
for name, prepare in pipelines.items():
    print(f"{name:9s} depends on the future: {depends_on_future(prepare, close, 200) or 'nothing'}")

# %% [markdown]
# ### How much does a leak flatter?
#
# We take series that **nobody can forecast**: random walks, made of coin flips. There the naive forecast is the best
# possible, so on average nobody gets below 1; who does so *on average* has cheated. Three simple forecasters, 20 days
# ahead, each with and without its leak: linear regression; the mean of the three most similar windows of the past; and
# "the price goes back to the middle of its range". Which leak flatters most?

# %%
def score(plan, log_prices, forecaster):
    known = log_prices[plan.scaler_days]
    scaled = (log_prices - known.min()) / (known.max() - known.min())
    today, last = plan.train_targets[:, 0] - 1, plan.train_targets[:, -1]
    test_today, test_last = plan.test_targets[:, 0] - 1, plan.test_targets[:, -1]
    change = log_prices[last] - log_prices[today]  # (n,), what training has to forecast
    forecast = forecaster(scaled[plan.train_inputs], change, scaled[plan.test_inputs])
    came = log_prices[test_last] - log_prices[test_today]
    return np.sqrt(np.mean((forecast - came) ** 2) / np.mean(came**2))  # naive says: no change


def regression(x_train, y_train, x_test):
    # A trace of L2 changes next to nothing here and is solved much faster.
    return Ridge(alpha=1e-6).fit(x_train, y_train).predict(x_test)


def most_similar(x_train, y_train, x_test):
    similar = KNeighborsRegressor(n_neighbors=3, algorithm="kd_tree")
    return similar.fit(x_train, y_train).predict(x_test)


def back_to_middle(x_train, y_train, x_test):
    away = 0.5 - x_train[:, -1]
    return (away @ y_train) / (away @ away) * (0.5 - x_test[:, -1])  # least squares, one number

# %% [markdown]
# The overlap touches only the first windows of the test, whose targets share days with training targets. So we judge
# that pair on these. And a shuffled plan is tested on other days, drawn from the whole series. Dots are means over the
# walks (for the overlap medians: on so few windows a walk may hardly move, and dividing by naive's tiny error would let
# it rule a mean), lines hold the middle four fifths of the walks; your stock is among the competitors, as a diamond.

# %% alt="For each of four leaks two horizontal lines, clean and leaky: a dot for the typical RMSE over naive's on random walks, a line from the 10 to the 90 percent mark, and a diamond for the real stock. A dotted line marks naive at 1. The split at random falls far below 1."
def lab_scores(walk, leak, forecaster, lookback=60, horizon=20):
    pair = []
    for planted in ("", leak):
        plan = make_plan(len(walk), lookback, horizon, planted)
        if leak == "overlap":
            first = slice(0, horizon - 1)
            plan = plan._replace(
                test_inputs=plan.test_inputs[first], test_targets=plan.test_targets[first]
            )
        pair.append(score(plan, walk, forecaster))
    return pair  # clean, leaky


num_walks, walk_days = 4 if SMOKE else 40, 1_000
flips = np.random.default_rng(SEED).choice([-0.02, 0.02], size=(num_walks, walk_days))
walks = np.cumsum(flips, axis=1)  # (walks, days), log prices: 2 % up or down a day
lab = {
    "split": most_similar, "target inside": regression,
    "overlap": most_similar, "scaler": back_to_middle,
}
figure, ax = plt.subplots(figsize=(8.5, 3.8))
for place, (leak, forecaster) in enumerate(lab.items()):
    scores = np.array([lab_scores(walk, leak, forecaster) for walk in walks])  # (walks, 2)
    own = lab_scores(np.log(close), leak, forecaster)
    typical = np.median if leak == "overlap" else np.mean
    typical_score = typical(scores, axis=0)
    lowest, highest = np.percentile(scores, [10, 90], axis=0)
    for k, look in enumerate(("clean", "leaky")):
        height, colour = place + 0.15 - 0.3 * k, plots.PALETTE[k]
        ax.plot([lowest[k], highest[k]], [height] * 2, color=colour)
        ax.plot(typical_score[k], height, "os"[k], color=colour, label=look if place == 0 else None)
        label = "this stock" if place == k == 0 else None
        ax.plot(own[k], height, "D", color=colour, markerfacecolor="white", label=label)
    clean, leaky = typical_score
    print(f"{leak:14s} on coin flips: clean {clean:.2f}, leaky {leaky:.2f} ({typical.__name__}s)")
ax.axvline(1, color="0.5", linestyle=":", label="naive")
ax.set_yticks(range(len(lab)), lab)
ax.set(xlabel="RMSE / naive, 20 days ahead")
ax.legend()
plt.show()

# %% [markdown]
# **What we saw.** The **random split** turns coin flips into a triumph: a test window has neighbours in training that
# share nearly all of its days *and of its target*, so it is enough to look them up. A **target inside** the window gives
# away half of the answer. The **overlap** helps only on the few windows that it touches, and drowns in an average over
# the whole test. The **scaler** gives away only two numbers, between which the price will stay. These last two do not
# reliably get below 1: they make a bad forecaster *less bad*, and a score above 1 raises no suspicion at all. That
# is why you check days, not scores: a poor score proves a clean pipeline no more than a good one does. (A single
# series may fall below 1 by luck; the lines show how far luck goes.)
#
# ## 5. What can honestly be said about tomorrow?
#
# **Returns instead of levels.** The network no longer has to copy the price: it only says by how much it will change,
# and we apply that to today's price. Returns also stay in their range when the price leaves its own. Other columns may
# help: **volume** (how much was traded, as a change from the day before) and **range** (highest to lowest of the day, a
# measure of its volatility); we take those that exist. All are standardised with the mean and the standard deviation of
# the training days.

# %%
features = {"return": returns}
columns = {name: values[-kept_days:] for name, values in prices.columns.items()}
if "volume" in columns:
    features["volume"] = np.diff(np.log1p(columns["volume"]))
if "high" in columns and "low" in columns:
    features["range"] = np.log(columns["high"] / columns["low"])[1:]
usable = {
    name: values for name, values in features.items()
    if np.isfinite(values).all() and values[: first_test - 1].std() > 0
}
missing = [name for name in ("volume", "range") if name not in usable]
print("features:", ", ".join(usable), "| missing or without content:", ", ".join(missing) or "none")

raw = np.column_stack(list(usable.values()))  # (days - 1, features); row i belongs to day i + 1
fitted_rows = raw[: first_test - 1]  # the days before the test
feature_mean, feature_std = fitted_rows.mean(axis=0), fitted_rows.std(axis=0)
standard = (raw - feature_mean) / feature_std
print("standardised:", standard.shape)

# %% [markdown]
# One network for everything that follows: 50 units again, with the LSTM's own tanh instead of ReLU. It gets a number of
# features and answers with a number of days. First the return alone, one day ahead; then with what other features there
# are; then `HORIZON` days ahead at once, by as many outputs. One change at a time.

# %%
def build_lstm(lookback, num_features, num_outputs):
    return keras.Sequential([
        keras.Input(shape=(lookback, num_features)),
        layers.LSTM(50),  # (batch, 50)
        layers.Dense(num_outputs),  # (batch, num_outputs), standardised returns
    ])


def fit_returns(model, standard, lookback, horizon, first_test, epochs):
    x, y = windows(standard, lookback, horizon)
    num_train = first_test - lookback - horizon  # all their targets lie before the test
    model.compile(optimizer="adam", loss="mse")
    model.fit(
        x[:num_train], y[:num_train], batch_size=64, epochs=epochs, verbose=0, callbacks=training.progress()
    )
    return np.asarray(model(x[first_test - lookback - 1 :]))  # (n, horizon), the test's


return_epochs = 1 if SMOKE else 10
return_lstm = build_lstm(LOOKBACK, 1, 1)
feature_lstm = build_lstm(LOOKBACK, standard.shape[1], 1)
days_lstm = build_lstm(LOOKBACK, standard.shape[1], HORIZON)
said_return = fit_returns(return_lstm, standard[:, :1], LOOKBACK, 1, first_test, return_epochs)
said_features = fit_returns(feature_lstm, standard, LOOKBACK, 1, first_test, return_epochs)
said_days = fit_returns(days_lstm, standard, LOOKBACK, HORIZON, first_test, return_epochs)
print("test forecasts:", said_return.shape, said_features.shape, said_days.shape)

# %% [markdown]
# Nothing is chosen here, so no fifth is set aside: the networks learn from the same days as the linear model below. Does
# our own pipeline pass the detector? Its plan, with the days in place of the returns:

# %%
row_days = np.arange(1, len(close))  # row i of `standard` belongs to day i + 1
for horizon in sorted({1, HORIZON}):
    plan_x, plan_y = windows(row_days[:, None], LOOKBACK, horizon)
    train_rows = slice(first_test - LOOKBACK - horizon)  # as in fit_returns
    test_rows = slice(first_test - LOOKBACK - 1, None)
    own_plan = Plan(
        plan_x[train_rows, :, 0], plan_y[train_rows], plan_x[test_rows, :, 0], plan_y[test_rows],
        row_days[: first_test - 1],  # the days of `fitted_rows`
    )
    print(f"{horizon} day(s) ahead: {find_leaks(own_plan) or 'nothing found'}")

# %% [markdown]
# A baseline is still missing, the strongest simple one: **linear autoregression**, a weighted sum of the last returns.
# If an LSTM finds something that it does not, then it is not linear. All the forecasts of one day ahead, on the same
# test days:

# %%
lag_x, lag_y = windows(standard[:, :1], LOOKBACK)
num_train = first_test - LOOKBACK - 1
autoregression = LinearRegression().fit(lag_x[:num_train, :, 0], lag_y[:num_train, 0])
said_linear = autoregression.predict(lag_x[num_train:, :, 0])  # (n,)


def to_price(said, today, mean, std):
    return today * np.exp(said * std + mean)  # standardised return -> price


scale = (feature_mean[0], feature_std[0])
forecasts = {
    **baselines,
    "LSTM on levels (recipe)": recipe_forecast,
    "autoregression on returns": to_price(said_linear, naive, *scale),
    "LSTM on returns": to_price(said_return[:, 0], naive, *scale),
    "LSTM, all features": to_price(said_features[:, 0], naive, *scale),
}
show_errors(forecasts, actual, naive)
return_ratio = errors(forecasts["LSTM on returns"], actual)["RMSE"] / naive_rmse
results.report("05", seed=SEED, data=source, smoke=SMOKE, return_over_naive=return_ratio)

# %% [markdown]
# Does a ratio a little below 1 mean skill? Ask the days themselves: draw the test again and again out of blocks of ten of
# its days (blocks, since wild days come together), forecast and naive always on the *same* days, and see how far the
# ratio moves. Beside it, how much the forecasters *say*: the spread of their forecast returns.

# %%
def ratio_interval(forecast, actual, naive, rng):
    miss, naive_miss = (forecast - actual) ** 2, (naive - actual) ** 2
    if len(actual) < 20:
        return np.nan, np.nan  # one block says nothing about luck
    starts = rng.integers(len(actual) - 9, size=(1_000, len(actual) // 10))
    days = (starts[:, :, None] + np.arange(10)).reshape(1_000, -1)  # blocks of 10 days
    worse = (miss[days] - naive_miss[days]).mean(axis=1)  # paired: how much worse than naive
    return np.percentile(np.sqrt(1 + worse / naive_miss[days].mean(axis=1)), [2.5, 97.5])


said_by = {
    "autoregression on returns": said_linear,
    "LSTM on returns": said_return[:, 0],
    "LSTM, all features": said_features[:, 0],
}
for name, said in said_by.items():
    interval = ratio_interval(forecasts[name], actual, naive, np.random.default_rng(SEED))
    print(f"{name:26s} RMSE / naive from {interval[0]:.3f} to {interval[1]:.3f}", end="; ")
    print(f"it says {said.std():.0%} of the returns' spread")

# %% [markdown]
# So what does a 0.99 mean? That somebody was one percent better on *these* days. If its interval reaches past 1, luck in
# the days is enough to explain it, and the luck of the initial weights comes on top. (On a short test there are only a
# few blocks, and the interval itself is rough; below 20 days it is nan.) And if one of several forecasters lands below 1,
# remember that you tried several.

# %% alt="Left, the price on the last forty test days with the forecasts of the LSTM on returns and of the naive one, which lie almost on each other. Right, RMSE over naive's for one to several days ahead, with naive as a line at 1."
ahead = np.arange(1, HORIZON + 1)
origins = first_test - 1 + np.arange(len(said_days))  # the days on which it speaks
mean, std = scale
said_prices = close[origins][:, None] * np.exp(np.cumsum(said_days * std + mean, axis=1))
came_prices = close[origins[:, None] + ahead]  # (n, HORIZON)
naive_ahead = [errors(close[origins], came_prices[:, k])["RMSE"] for k in range(HORIZON)]
ahead_ratios = [
    errors(said_prices[:, k], came_prices[:, k])["RMSE"] / naive_ahead[k] for k in range(HORIZON)
]
figure, axes = plt.subplots(1, 2, figsize=(11, 3.4), width_ratios=(2, 1))
axes[0].plot(dates[zoom], actual[-40:], "k.-", label="price")
axes[0].plot(dates[zoom], forecasts["LSTM on returns"][-40:], label="LSTM on returns")
axes[0].plot(dates[zoom], naive[-40:], ":", color="0.5", label="naive")
axes[0].set(xlabel="date", ylabel=f"close ({unit})")
axes[0].tick_params(axis="x", rotation=30)
axes[0].legend()
axes[1].plot(ahead, ahead_ratios, "o-", label="LSTM, all features")
axes[1].axhline(1, color="0.5", linestyle=":", label="naive")
axes[1].set(xlabel="days ahead", ylabel="RMSE / naive", xticks=ahead[:: -(-HORIZON // 10)])
axes[1].set_ylim(min(0.9, *ahead_ratios) - 0.02, max(1.1, *ahead_ratios) + 0.02)
axes[1].legend()
plt.show()
print(f"on the days that {HORIZON} more day(s) follow, the first of them included:")
for k in sorted({0, HORIZON - 1}):
    interval = ratio_interval(
        said_prices[:, k], came_prices[:, k], close[origins], np.random.default_rng(SEED)
    )
    print(f"{k + 1} day(s) ahead: naive {naive_ahead[k]:.2f}, LSTM / naive", end=" ")
    print(f"{ahead_ratios[k]:.3f}, from {interval[0]:.3f} to {interval[1]:.3f}")

# %% [markdown]
# **What we saw.** What a network on returns usually learns is to say *little*: compare its spread with that of the
# autoregression, which fits one weight per day to noise. That is not a bug. Where there is little to know, the forecast
# with the least squared error is nearly "no change". The further ahead, the larger the error, as a rule, naive's
# included.
#
# ### Is it at least right about up and down?
#
# Traders care about the direction. Count how often the sign was right, and compare with 50 %. On *how many* days,
# though? A share without an **interval** is half a number: Wilson's interval says which true hit rates fit what was
# counted. Days on which the price did not change have no direction; we leave them out, and the naive forecast, which
# says "no change", has no opinion. In its place stand two rules without any model, "always up" and "always down": which
# of the two is the better is known only afterwards.

# %% alt="Hit rates of the direction with their 95 percent intervals, one line per forecaster, one for always up and one for always down; a dotted line at 50 percent, where guessing lies."
moved = actual != naive  # days without a change have no direction
went_up = (actual > naive)[moved]
directions = {"always down": np.zeros(moved.sum(), dtype=bool)}  # known only afterwards
directions["always up"] = np.ones(moved.sum(), dtype=bool)
for name in list(forecasts)[-4:]:  # the recipe and the three on returns
    directions[name] = (forecasts[name] > naive)[moved]
still = (~moved).sum()
print(f"{moved.sum()} test days with a change, {still} without; up on {went_up.mean():.1%}")
figure, ax = plt.subplots(figsize=(8, 3.2))
for place, (name, said_up) in enumerate(directions.items()):
    hits = int((said_up == went_up).sum())
    interval = binomtest(hits, len(went_up)).proportion_ci(method="wilson")
    verdict = "50 % fits" if interval.low <= 0.5 <= interval.high else "50 % does not fit"
    print(f"{name:26s} says up {said_up.mean():4.0%}, right {hits / len(went_up):.1%}", end=", ")
    print(f"from {interval.low:.1%} to {interval.high:.1%}: {verdict}")
    ax.plot([100 * interval.low, 100 * interval.high], [place, place], color=plots.PALETTE[0])
    ax.plot(100 * hits / len(went_up), place, "o", color=plots.PALETTE[0])
ax.axvline(50, color="0.5", linestyle=":", label="guessing (naive: no opinion)")
ax.set_yticks(range(len(directions)), directions)
ax.set(xlabel="right direction (%), 95 % interval", ylim=(-0.5, len(directions) + 0.5))
ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# **What we saw.** Read the share of "up" before the hit rate. A forecaster that nearly always says "up" is "always up"
# under another name: it is right as often as the price rose, and an interval on one side of 50 % then tells you which way
# the market went, not that the forecaster has skill, or the opposite of skill. And two cautions: Wilson's interval takes
# the days as independent, and several intervals are several tries; of many, one or the other misses 50 % by luck.
#
# ### One test period is one test
#
# Perhaps that period was special. **Walk-forward** evaluation repeats the situation: train on all days up to some day,
# forecast the next stretch, move on, train further on what has become known, and so on. Scaling is fitted anew each
# time, on the past only; the network goes on from its last weights.

# %%
first_start = LOOKBACK + (len(close) - LOOKBACK) // 2  # half of the examples come before it
stretches = list(pairwise(np.linspace(first_start, len(close), 6).astype(int)))  # five
walk_lstm = build_lstm(LOOKBACK, 1, 1)
walk_lstm.compile(optimizer="adam", loss="mse")
fold_ratios = {"LSTM on returns": [], "autoregression": []}
fold_naive = []
for start, end in training.each(stretches):
    known = returns[: start - 1]  # up to the day before `start`
    fold_x, fold_y = windows(((returns - known.mean()) / known.std())[:, None], LOOKBACK)
    num_past, num_known = start - LOOKBACK - 1, end - LOOKBACK - 1
    past, stretch = slice(0, num_past), slice(num_past, num_known)
    walk_lstm.fit(fold_x[past], fold_y[past], batch_size=64, epochs=1 if SMOKE else 3, verbose=0)
    fold_linear = LinearRegression().fit(fold_x[past][:, :, 0], fold_y[past][:, 0])
    fold_said = {
        "LSTM on returns": np.asarray(walk_lstm(fold_x[stretch]))[:, 0],
        "autoregression": fold_linear.predict(fold_x[stretch][:, :, 0]),
    }
    today, tomorrow = close[start - 1 : end - 1], close[start:end]
    fold_naive.append(errors(today, tomorrow)["RMSE"])
    for name, values in fold_said.items():
        forecast = to_price(values, today, known.mean(), known.std())
        fold_ratios[name].append(errors(forecast, tomorrow)["RMSE"] / fold_naive[-1])

# %% alt="RMSE over naive's in five consecutive stretches of time for the LSTM on returns and for linear autoregression, with naive as a dotted line at 1."
figure, ax = plt.subplots(figsize=(8, 3.2))
for (name, ratios), style in zip(fold_ratios.items(), ("o-", "s--")):
    ax.plot(range(1, 6), ratios, style, label=name)
ax.axhline(1, color="0.5", linestyle=":", label="naive")
ax.set_xticks(range(1, 6), [str(dates[start]) for start, _ in stretches])
ax.set(xlabel="first day of the stretch", ylabel="RMSE / naive")
ax.legend()
plt.show()
print("naive RMSE of the stretches:", " ".join(f"{rmse:.2f}" for rmse in fold_naive))
for name, ratios in fold_ratios.items():
    below = sum(ratio < 1 for ratio in ratios)
    print(f"{name:16s} RMSE / naive {np.mean(ratios):.3f} on average, below 1 in {below} of 5")

# %% [markdown]
# **What we saw.** Naive's own error differs from stretch to stretch, often by far more than any forecaster differs from
# naive: some times are simply wilder. A ratio just below 1 in one stretch and just above it in the next is what luck
# looks like. A stretch is even shorter than the test above, so its ratio moves even more; skill would have to show in
# most of them, by more than that.

#
# ### What would it take to claim skill?
#
# Suppose a rule is right on 52 % of the days. How many days does it take to tell it from guessing? (Two answers: from
# how many days on an *observed* 52 % stands out; and how many you need so that a rule whose *true* rate is 52 % stands
# out four times in five. With the first number it does so only every second time.) And if you tried a hundred rules,
# what will the best of them look like, if *all* of them only flip coins? And what is left after costs?

# %% alt="The best hit rate among a number of coin-flipping rules over the test days, against how many rules were tried, with a band. It rises from 50 percent with the number of rules, past the level at which a single rule would count as significant. A dotted line marks guessing."
num_moved = int(moved.sum())
tries = np.array([1, 3, 10, 30, 100, 300, 1_000])
coins = np.random.default_rng(SEED)
best = [coins.binomial(num_moved, 0.5, size=(1_000, n)).max(axis=1) / num_moved for n in tries]
band_low, best_middle, band_high = np.percentile(best, [10, 50, 90], axis=1) * 100
figure, ax = plt.subplots(figsize=(7.5, 3.4))
ax.plot(tries, best_middle, "o-", label="best of them (median)")
ax.fill_between(tries, band_low, band_high, alpha=0.2, label="10 to 90 %")
one_rule = 50 + 100 * 1.96 * 0.5 / np.sqrt(num_moved)
ax.axhline(one_rule, color="C1", linestyle="--", label="'significant' for a single rule")
ax.axhline(50, color="0.5", linestyle=":", label="guessing; naive has no opinion")
ax.set(xscale="log", xlabel="rules tried, all of them coin flips")
ax.set_ylabel(f"hit rate on {num_moved} days (%)")
ax.legend()
plt.show()

for hit_rate in (0.51, 0.52, 0.55):
    seen, powerful = (((z * 0.5) / (hit_rate - 0.5)) ** 2 for z in (1.96, 1.96 + 0.84))
    print(f"{hit_rate:.0%} observed stands out after {seen:,.0f} days", end=" ")
    print(f"({seen / 252:.0f} years)", end="; ")
    print(f"true, 4 times in 5: {powerful:,.0f} days ({powerful / 252:.0f} years)")
typical_move = np.abs(np.diff(np.log(close[first_test - 1 :]))).mean()
for cost in (0.0005, 0.002):
    needed_rate = 0.5 + cost / (2 * typical_move)
    print(f"costs of {cost:.2%} a day: {needed_rate:.1%} right to break even", end=" ")
    print(f"(the mean move is {typical_move:.2%})")

# %% [markdown]
# (Break-even: if a hit earns the mean move and a miss loses it, $(2p - 1)\cdot$ move must exceed the costs.)
#
# **What we saw**, and what a claim of skill therefore needs: a baseline beside every number; a plan without leaks,
# written down *before* the test; several periods; an interval; the number of things that were tried, and a threshold
# raised accordingly; costs, and the price at which one could really have traded. If a result survives all that on a
# liquid stock, ask once more what went wrong. And even then: the next year is not in the file.
#
# ## 6. Does the method work at all?
#
# Yes: where there is something to learn. Here is a series of which we know everything, since we made it: a "month" of
# 21 days, a "week" of 5, and noise of known size. The noise is a **floor**: nobody can get below it, not even who knows
# the formula.

# %% alt="The last hundred days of the seasonal series: the noisy price as dots, and under it the smooth signal, a sum of two waves, which the dots scatter around."
season = stocks.seasonal(num_days=600 if SMOKE else 2_000)
season_close, signal = season.close, season.columns["signal"]
season_first = LOOKBACK + int(0.8 * (len(season_close) - LOOKBACK))
figure, ax = plt.subplots(figsize=(8.5, 3))
ax.plot(season_close[-100:], "k.", label="price")
ax.plot(signal[-100:], label="signal, without noise")
ax.plot(np.arange(1, 100), season_close[-100:-1], ":", color="0.5", label="naive")
ax.set(xlabel="day (of the last 100)", ylabel="price (dollars)", ylim=(75, 130))
ax.legend(loc="upper right", ncols=3)
plt.show()

# %% [markdown]
# The same network, the same windows, standardised on training days. Here it pays to learn, so we train for longer, with
# chapter 02's cosine: a high rate that ends at zero (a rate that we checked on series with other noise). Beside it the
# same baselines. Who will win? Write the order down.

# %%
season_mean, season_std = season_close[:season_first].mean(), season_close[:season_first].std()
season_standard = (season_close - season_mean) / season_std
season_x, season_y = windows(season_standard[:, None], LOOKBACK)
season_cut = season_first - LOOKBACK


def fit_cosine(model, x, y, epochs):
    steps = epochs * -(-len(x) // 64)  # batches of 64, rounded up
    cosine = keras.optimizers.schedules.CosineDecay(1e-2, steps)
    model.compile(optimizer=keras.optimizers.Adam(cosine), loss="mse")
    model.fit(x, y, batch_size=64, epochs=epochs, verbose=0, callbacks=training.progress())


season_epochs = 1 if SMOKE else EPOCHS
season_lstm = build_lstm(LOOKBACK, 1, 1)
fit_cosine(season_lstm, season_x[:season_cut], season_y[:season_cut], season_epochs)
season_linear = LinearRegression().fit(season_x[:season_cut, :, 0], season_y[:season_cut, 0])

# %% alt="Left, the last sixty days of the seasonal series with the LSTM's forecast, which follows the waves, and the naive one, which is late. Right, bars of the RMSE of all forecasts with a line at the noise floor: naive, moving average and drift are high, the LSTM and the linear model are near the line."
season_actual, season_naive = season_close[season_first:], season_close[season_first - 1 : -1]
season_growth = (season_close[season_first - 1] - season_close[0]) / (season_first - 1)  # per day
season_test = season_x[season_cut:]  # (n, LOOKBACK, 1)
season_said = {
    "LSTM": np.asarray(season_lstm(season_test))[:, 0],
    "linear autoregression": season_linear.predict(season_test[:, :, 0]),
}
season_forecasts = {"drift": season_naive + season_growth}
season_days = np.arange(season_first, len(season_close))
for num in (5, 20):
    averages = np.array([season_close[day - num : day].mean() for day in season_days])
    season_forecasts[f"moving average, {num} days"] = averages
season_forecasts |= {name: said * season_std + season_mean for name, said in season_said.items()}
show_errors(season_forecasts, season_actual, season_naive)
floor = errors(signal[season_first:], season_actual)["RMSE"]
print(f"{'the noise floor':28s}{'':8s}{floor:8.2f}")
figure, axes = plt.subplots(1, 2, figsize=(11, 3.4), width_ratios=(1.7, 1))
axes[0].plot(season_actual[-60:], "k.", label="price")
axes[0].plot(season_forecasts["LSTM"][-60:], label="LSTM")
axes[0].plot(season_naive[-60:], ":", color="0.5", label="naive")
axes[0].set(xlabel="day (of the last 60)", ylabel="price (dollars)", ylim=(75, 130))
axes[0].legend(loc="upper right", ncols=3)
season_rmse = {
    name: errors(forecast, season_actual)["RMSE"]
    for name, forecast in {"naive": season_naive, **season_forecasts}.items()
}
axes[1].barh(list(season_rmse), list(season_rmse.values()))
axes[1].axvline(floor, color="k", linestyle=":", label="noise floor")
axes[1].set(xlabel="RMSE (dollars)")
axes[1].legend()
plt.show()
results.report(
    "05", seed=SEED, data=season.provenance, smoke=SMOKE,
    season_over_naive=season_rmse["LSTM"] / season_rmse["naive"],
    season_over_floor=season_rmse["LSTM"] / floor,
)

# %% [markdown]
# Is that a fair comparison with the stock? Its LSTM had fewer epochs and a lower rate. So give the stock's returns the
# very same training as the waves, and look at the same test days as in section 5:

# %%
same_lstm = build_lstm(LOOKBACK, 1, 1)
fit_cosine(same_lstm, lag_x[:num_train], lag_y[:num_train], season_epochs)
same_said = np.asarray(same_lstm(lag_x[num_train:]))[:, 0]
same_forecasts = {
    "LSTM on returns": forecasts["LSTM on returns"],
    "LSTM, trained like the waves": to_price(same_said, naive, *scale),
}
show_errors(same_forecasts, actual, naive)
print(f"the spread of what it says, of the returns' spread: {same_said.std():.0%}")

# %% [markdown]
# **What we saw.** The LSTM leaves naive, moving averages and drift far behind and comes near the floor. The same network
# with the same training, in so many epochs, finds the waves here and on most stocks nothing that helps: it may say more
# than before, and is hardly more right for it. (Two differences remain: the waves have more days, and it sees their
# levels.) But look at the last forecast in the table of the waves: **linear autoregression does it as well or better**,
# in a blink. Without noise, and apart from a constant, a sum of sines *is* a weighted sum of its own past, so the linear
# model has exactly the right form here. An LSTM earns its cost where the next value depends on the past in a way that no
# weighted sum can follow. Always try the linear model first, and put it into the table when it wins.
#
# ### Play: lookback and horizon
#
# A linear forecaster, fitted while you move: how many days it looks back, how many ahead, on your stock or on the
# seasonal series. On which of the two does a longer lookback help? How far ahead can you look, before the forecast
# is worth no more than naive? Every position is one more try. So the last fifth of the days is cut off here, and what you
# see is a **validation** stretch, the fifth before it: the test stays untouched while you play.

# %% alt="Three states of a linear forecast with naive and price on the last validation days: a stock one day ahead, where forecast and naive lie on each other; the stock twenty days ahead, where both are off; the seasonal series ten days ahead, where the forecast follows the waves and naive does not. Each title gives both errors."
def forecast_view(stock, seasonal_series, unit):
    def draw(ax, lookback, horizon, series):
        seasonal = series == "seasonal"
        series = np.log(seasonal_series if seasonal else stock)
        num_valid = len(series) // 5
        series = series[:-num_valid]  # without the test
        x, y = windows(series[:, None], lookback, horizon)
        x, today = x[:, :, 0] - x[:, -1:, 0], x[:, -1, 0]  # each window from its last price
        change = y[:, -1] - today
        num_known = len(x) - num_valid - horizon + 1  # no target among the validation days
        slopes = np.linalg.lstsq(x[:num_known], change[:num_known], rcond=None)[0]
        came, naive = np.exp(y[-num_valid:, -1]), np.exp(today[-num_valid:])
        said = np.exp(today[-num_valid:] + x[-num_valid:] @ slopes)
        draw_forecast(ax, {"price": came, "linear": said, "naive": naive})
        ax.set_xlabel("validation day (of the last 60)")
        ax.set_ylabel(f"price ({'dollars' if seasonal else unit})")

    return draw


def draw_forecast(ax, lines):
    came = lines["price"]
    styles = {"price": "k.", "linear": "-", "naive": ":"}
    for name, values in lines.items():
        ax.plot(values[-60:], styles[name], label=name)
    linear_error, naive_error = (errors(lines[name], came)["RMSE"] for name in ("linear", "naive"))
    ax.set_title(f"RMSE: linear {linear_error:.2f}, naive {naive_error:.2f}")
    ax.legend(fontsize=8)


widgets.explore(
    forecast_view(close, season_close, unit),
    controls={"lookback": (2, 100, 1), "horizon": (1, 40, 1), "series": ["stock", "seasonal"]},
    states={
        "tomorrow": {"lookback": 60, "horizon": 1, "series": "stock"},
        "in twenty days": {"lookback": 60, "horizon": 20, "series": "stock"},
        "seasonal, in ten days": {"lookback": 60, "horizon": 10, "series": "seasonal"},
    },
    hint="is there a lookback at which the linear forecast clearly beats naive on the stock?",
)

# %% [markdown]
# ## 7. Failure gallery: two ways to a wrong number
#
# ### The line that computes the wrong RMSE
#
# From a published tutorial, in essence: `np.sqrt(np.mean((predictions - y_test) ** 2))`. It looks right. But Keras
# returns predictions of shape (n, 1), and the targets came as one row. What does numpy do with a column minus a row?

# %% tags=["nbval-check-output"]
column = np.array([[1.0], [2.0], [3.0]])  # (3, 1), as model.predict returns it
row = np.array([1.0, 2.0, 3.0])  # (3,)
table = column - row
print(f"{column.shape} - {row.shape} = {table.shape}")
print(table)
print(f"a perfect forecast: its RMSE should be 0 and comes out as {np.sqrt(np.mean(table**2)):.3f}")

# %% [markdown]
# Every forecast minus *every* price, n × n differences, and no error message. On our test days, with naive, with an
# average, and with a flat line that knows nothing of any single day:

# %%
shapes = naive[:, None].shape, actual.shape
print(f"{shapes[0]} minus {shapes[1]}: a table of {(naive[:, None] - actual).shape}")
gallery = {
    "naive": naive,
    "moving average, 20 days": baselines["moving average, 20 days"],
    "flat line at the test's mean": np.full(len(actual), actual.mean()),
}
for name, forecast in gallery.items():
    published = np.sqrt(np.mean((forecast[:, None] - actual) ** 2))
    print(f"{name:28s} 'scores' {published:6.2f} instead of", end=" ")
    print(f"{errors(forecast, actual)['RMSE']:6.2f}")
both = np.sqrt(naive.var() + actual.var() + (naive.mean() - actual.mean()) ** 2)
print(f"the root of both variances and the squared difference of the means: {both:.2f} (naive)")
print(f"√2 times the spread of the prices: {np.sqrt(2) * actual.std():.2f}")
assert naive.shape == actual.shape, "compare like with like"
print("with the shapes asserted:", naive.shape, actual.shape)

# %% [markdown]
# **Diagnosis.** Broadcasting. The wrong number no longer asks which day belongs to which. Every forecast that follows
# the price gets about √2 times the prices' spread, so that a poor network suddenly looks as good as naive; and a flat
# line at the mean scores *better* than naive. **Remedy:** print the shapes, assert that they are equal, or let the function
# refuse, as our `errors` does.
#
# ### The shuffled split
#
# `train_test_split(x, y)` shuffles unless told otherwise. Here is section 4's worst leak on your stock, as an article
# would show it: twenty days ahead, and look how well it does!

# %% alt="Two panels of forecast against actual change twenty days ahead by the most similar windows. With a shuffled split the points lie along the diagonal; with a chronological split, as a rule, they do not. The naive forecast, no change, is a vertical line in both."
def forecast_and_came(plan, log_prices, forecaster):
    change, came = (
        log_prices[targets[:, -1]] - log_prices[targets[:, 0] - 1]
        for targets in (plan.train_targets, plan.test_targets)
    )
    return forecaster(log_prices[plan.train_inputs], change, log_prices[plan.test_inputs]), came


figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.8), sharex=True, sharey=True)
for ax, (name, leak) in zip(axes, {"shuffled": "split", "chronological": ""}.items()):
    plan = make_plan(len(close), LOOKBACK, 20, leak)
    similar, came = forecast_and_came(plan, np.log(close), most_similar)
    right = np.mean((similar > 0) == (came > 0))
    rmse, no_change = (np.sqrt(np.mean((said - came) ** 2)) for said in (similar, 0))
    print(f"{name:14s} right direction {right:.0%}; RMSE {rmse:.3f}, naive {no_change:.3f}")
    ax.plot(100 * similar, 100 * came, ".", markersize=4)
    ax.axline((0, 0), slope=1, color="0.7", linewidth=1)
    ax.axvline(0, color="0.5", linestyle=":", label="naive")
    ax.set(title=f"{name} split", xlabel="forecast (%)")
axes[0].set_ylabel("what came, 20 days later (%)")
axes[0].legend()
plt.show()

# %% [markdown]
# **Diagnosis.** The forecaster *looked it up*: the most similar windows to a test window are those that begin a day
# earlier and a day later. At least one of them nearly always is in training, with nearly the same twenty days as its
# answer. On the right, where nothing can be looked up, you may see vertical stripes: prices off the known range always
# find the same neighbours, hence the same answer. (A trend alone can give a high share of right directions there; read
# the RMSE beside it.) **Remedy:** split by time, with a gap as long as the horizon; run the detector.
#
# ## 8. What happens with a bad file?
#
# Your own prices: set `CSV` at the top, or in a terminal `course run 05 --param CSV=prices.csv`. A file needs a date and a
# close column (or an adjusted close); open, high, low and volume are used where they are there. The order of the columns,
# their case, and whether the newest day stands first do not matter. What would have to be *guessed* is refused, with
# the line where there is one:

# %%
good = [f"{date},{price:.2f}" for date, price in zip(season.dates[:400], season_close[:400])]
bad_files = {
    "no close column": ["Date,Price paid", *good],
    "text in numbers": ["Date,Close", *good[:100], f"{season.dates[100]},about 100", *good[101:]],
    "a gap": ["Date,Close", *good[:100], *good[160:]],
    "a day twice": ["Date,Close", *good[:100], *good[99:]],
    "unsorted": ["Date,Close", *good[:100], good[101], good[100], *good[102:]],
    "too short": ["Date,Close", *good[:50]],
}
with TemporaryDirectory() as folder:
    for name, lines in bad_files.items():
        bad_file = Path(folder) / "prices.csv"
        bad_file.write_text("\n".join(lines), encoding="utf-8")
        try:
            stocks.load(csv=str(bad_file))
        except store.DataError as error:
            print(f"{name}: {str(error).replace(str(bad_file), bad_file.name)}")

# %% [markdown]
# A loader that repairs in silence would be worse: a price filled in between two others has seen the second one. It
# is a leak, made before you even began.
#
# ## What to take with you
#
# 1. "Tomorrow equals today" belongs beside every figure and in every table. A plot over the whole period proves nothing.
# 2. Ask for the *change*, not for the level: a copy of yesterday correlates with everything.
# 3. Split by time, fit scalers on the training part, leave a gap as long as the horizon. Check days, not scores:
#    a leak need not flatter, and a good score need not be true.
# 4. A hit rate needs an interval, the number of things tried, several periods, and costs.
# 5. The method works where there is signal; try the linear model first even there. Assert the shapes.
#
# ## Exercises
#
# Put your answer in place of the two stub lines and run the cell, then run the check below it.
#
# **Exercise 1 (easy).** The opponent. `close` holds the prices of consecutive days. What is the RMSE of the forecast "in
# `horizon` days the price will be what it is today", over all days for which you know both?

# %%
def naive_rmse_ahead(close, horizon):
    ### BEGIN SOLUTION
    today, later = close[:-horizon], close[horizon:]
    return np.sqrt(np.mean((later - today) ** 2))
    ### END SOLUTION


# %%
check.naive_rmse_ahead(naive_rmse_ahead)

# %% [markdown]
# **Exercise 2 (medium).** Scale and cut without a leak. `series` holds prices, `first_test` is the number of the first
# test day. Standardise with mean and standard deviation (numpy's `.std()`) of the days **before** the test. Then return
# `x_train`, `y_train`, `x_test`, `y_test`: each window holds `lookback` consecutive days, (n, lookback), and its target
# is the next day, (n,). All training targets lie before `first_test`; the test has one window for *every* test day.

# %%
def scaled_windows(series, lookback, first_test):
    ### BEGIN SOLUTION
    known = series[:first_test]
    standard = (series - known.mean()) / known.std()
    targets = np.arange(lookback, len(series))  # days that have a full window before them
    x = standard[targets[:, None] - np.arange(lookback, 0, -1)]  # (n, lookback)
    y = standard[targets]
    train = targets < first_test
    return x[train], y[train], x[~train], y[~train]
    ### END SOLUTION


# %%
check.scaled_windows(scaled_windows)

# %% [markdown]
# **Exercise 3 (makes you think).** Window number `i` ends on day `i` and forecasts the days `i + 1` to `i + horizon`. There
# are `num_windows` windows; the test takes those from number `cut` on. Which windows may train, as *many* as possible,
# so that none of their targets is a day that the test has to forecast? Return their numbers and those of the test
# windows: `train, test`.

# %%
def split_with_gap(num_windows, cut, horizon):
    ### BEGIN SOLUTION
    # The test's first target is day cut + 1; window i reaches day i + horizon.
    train = np.arange(cut + 1 - horizon)
    return train, np.arange(cut, num_windows)
    ### END SOLUTION


# %%
check.split_with_gap(split_with_gap)

# %% [markdown]
# **Exercise 4 (open).** A return is hard to forecast; its *size* is less so (section 1). Forecast the coming week's
# volatility, say the mean size of the next five days' returns. What is the naive forecast now? Does an LSTM beat it, and
# does it beat a linear model of the last sizes? There is no check; a good answer has a table with naive in its first line, a
# plan that the detector passes, and a sentence on what you tried. Add a cell below this one and begin.

# %% [markdown]
# ## Read on
#
# - B. Malkiel, *A Random Walk Down Wall Street*, 1973 and many editions: the opponent's whole story.
# - E. Fama, *Efficient capital markets: a review of theory and empirical work*, Journal of Finance 25, 1970.
# - R. Hyndman, G. Athanasopoulos, *Forecasting: Principles and Practice*, 3rd edition, 2021: baselines, errors, time series cross-validation.
# - M. López de Prado, *Advances in Financial Machine Learning*, 2018: overlapping labels, purged splits, the number of trials.
# - S. Kaufman, S. Rosset, C. Perlich, *Leakage in data mining: formulation, detection, and avoidance*, KDD 2011.
# - E. B. Wilson, *Probable inference, the law of succession, and statistical inference*, JASA 22, 1927: the interval.
#
# **Next: chapter 06.** So far every network *answered*: which digit, which feeling, which price. Can one *invent* a digit
# that nobody has written?
