"""Recipes of PCA, k-means, self-organizing maps and Boltzmann machines."""

from __future__ import annotations

from agentlab.experiments.recipes.recipe import MNIST, Recipe

RECIPES = [
    Recipe(
        "mnist-pca",
        "the principal components of handwritten digits that explain 95 % of the variance",
        "mnist",
        MNIST,
        "pca",
        {"n_components": 0.95},
        "154 components, mean squared error 0.0033",
    ),
    Recipe(
        "faces-pca",
        "eigenfaces: 50 principal components of faces",
        "olivetti",
        "400 faces 64x64, 4 MB",
        "pca",
        {"n_components": 50},
        "explained variance 0.71 on faces of other people",
        source="Turk and Pentland 1991",
    ),
    Recipe(
        "iris-kmeans",
        "k-means with 3 clusters on the measurements of irises",
        "iris",
        "150 rows, 4 columns",
        "kmeans",
        {"n_clusters": 3},
        "adjusted Rand index 0.73",
    ),
    Recipe(
        "colors-som",
        "a self-organizing map of 949 named colors, 30x30 units",
        "colors",
        "949 rows, 3 columns",
        "som",
        {"map_rows": 30, "map_columns": 30},
        "quantization error 0.030, topographic error 0.028",
    ),
    Recipe(
        "mnist-rbm",
        "a restricted Boltzmann machine of handwritten digits with 100 hidden units",
        "mnist",
        MNIST,
        "rbm",
        {"units": 100, "epochs": 10},
        "pseudo-likelihood -65 nats",
    ),
    Recipe(
        "faces-rbm",
        "a restricted Boltzmann machine of faces with 256 hidden units",
        "olivetti",
        "400 faces 64x64, 4 MB",
        "rbm",
        {"units": 256, "epochs": 100, "batch_size": 16, "learning_rate": 0.01},
    ),
    Recipe(
        "movielens-rbm",
        "movie recommendations from ratings, by an RBM with softmax units",
        "movielens100k",
        "80,000 + 20,000 ratings from 1 to 5, 5 MB",
        "ratings_rbm",
        {"validation_split": 0.05},
        "RMSE 0.91 (bias baseline 0.93) on ratings held out of the training split of fold u1",
        source="Salakhutdinov et al. 2007",
    ),
    Recipe(
        "fer2013-dbn",
        "facial expressions: a deep belief network with 1,500, 700 and 400 units per layer",
        "fer2013",
        "28,709 + 3,589 + 3,589 faces 48x48, 300 MB",
        "dbn",
        {"hidden": (1500, 700, 400), "pretrain_epochs": 10, "epochs": 20},
        source="layers and learning rate of Gulli and Kapoor 2017, chapter 7",
    ),
]
