import numpy as np
import pytest
import scipy.linalg

from musika_tf.frechet import frechet_distance, gaussian, parts


def rows(mean, covariance, n=50, seed=0):
    """Rows whose sample mean and covariance are exactly these."""
    x = np.random.default_rng(seed).standard_normal((n, len(mean)))
    x -= x.mean(axis=0)
    white = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    return white @ np.linalg.cholesky(np.asarray(covariance, float)).T + mean


def test_hand_arithmetic_of_diagonal_gaussians():
    a = rows([0, 0, 0], np.diag([1, 4, 9]))
    b = rows([3, 4, 0], np.diag([4, 4, 1]), seed=1)
    # 3^2 + 4^2 + (1 - 2)^2 + (2 - 2)^2 + (3 - 1)^2
    assert frechet_distance(a, b) == pytest.approx(30)
    assert parts(gaussian(a), gaussian(b)) == pytest.approx((25, 5))


def test_hand_arithmetic_of_one_feature():
    # mean 1 and 11, variance 2 and 8: 100 + (sqrt 2 - sqrt 8)^2
    assert frechet_distance([[0], [2]], [[9], [13]]) == pytest.approx(102)


def test_equals_the_matrix_root_of_full_covariances():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((80, 6)) @ rng.standard_normal((6, 6)), rng.standard_normal((60, 6)) + 0.3
    s_a, s_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(s_a @ s_b).real
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(s_a + s_b - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected)


@pytest.mark.parametrize("n", [5, 500])
def test_symmetric_and_zero_for_equals_even_with_few_rows(n):
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((n, 20)), rng.standard_normal((n + 3, 20)) * 2
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a[::-1]) == pytest.approx(0, abs=1e-9)


def test_shift_adds_its_squared_length():
    a = np.random.default_rng(4).standard_normal((40, 3))
    assert frechet_distance(a, a + [1, 2, 2]) == pytest.approx(9)


@pytest.mark.parametrize(
    ("a", "message"),
    [
        (np.zeros((1, 3)), "two rows"),
        (np.zeros(3), "two rows"),
        (np.full((4, 3), np.inf), "not finite"),
        (np.zeros((4, 2)), "2 and 3 features"),
    ],
)
def test_rejects(a, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(a, np.eye(3))
