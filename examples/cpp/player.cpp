// Plays what `musika-tf export --format=onnx` wrote, by ONNX Runtime's C++ interface, FFTW and nlohmann/json:
//
//     player FOLDER song.wav SEED SECONDS
//
// The same piece as examples/numpy_player.py, step by step, for programs that have no Python. The model's conditioning
// is what the style draws.

#include <fftw3.h>
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

using Json = nlohmann::json;
using Vector = std::vector<float>;
using Block = std::array<uint32_t, 4>;
const double PI = std::acos(-1.0);

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

// Philox 4x32-10 (Salmon et al. 2011).
Block philox(Block c, uint32_t k0, uint32_t k1) {
    for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        const uint64_t p0 = 0xD2511F53ull * c[0], p1 = 0xCD9E8D57ull * c[2];
        c = {uint32_t(p1 >> 32) ^ c[1] ^ k0, uint32_t(p1), uint32_t(p0 >> 32) ^ c[3] ^ k1, uint32_t(p0)};
    }
    return c;
}

// Row `row` of an endless table of numbers in [0, 1), a whole number of blocks of four.
Vector uniform(int64_t seed, int64_t stream, int64_t row, int64_t size) {
    const Block mixed = philox({uint32_t(seed), uint32_t(uint64_t(seed) >> 32), uint32_t(stream), 0}, 0x3EC8F720u,
                               0x02461E29u);
    const int64_t blocks = (size + 3) / 4;
    Vector result;
    for (int64_t i = 0; i < blocks; ++i) {
        const uint64_t place = uint64_t(row * blocks + (int64_t(1) << 48) + i);
        for (uint32_t bits : philox({uint32_t(place), uint32_t(place >> 32), mixed[2], mixed[3]}, mixed[0], mixed[1]))
            result.push_back(float(bits & 0x7FFFFFu) / 8388608.0f);
    }
    return result;
}

// N(0, 1) by Box and Muller.
Vector normal(int64_t seed, int64_t stream, int64_t row, int64_t size) {
    Vector u = uniform(seed, stream, row, size);
    for (size_t i = 0; i < u.size(); i += 2) {
        const float radius = std::sqrt(-2.0f * std::log(std::max(u[i], 1e-7f))), angle = float(2 * PI) * u[i + 1];
        u[i] = std::sin(angle) * radius;
        u[i + 1] = std::cos(angle) * radius;
    }
    u.resize(size);
    return u;
}

// N(0, 1) within +-bound, by inversion: bisection of the cumulative distribution.
Vector truncated_normal(int64_t seed, int64_t stream, int64_t row, int64_t size, double bound) {
    Vector u = uniform(seed, stream, row, size);
    const float tail = float(std::erfc(bound / std::sqrt(2.0)) / 2);
    u.resize(size);
    for (float& x : u) {
        const float share = tail + (x + 1.0f / 16777216.0f) * (1.0f - 2.0f * tail);
        double low = -bound - 1, high = bound + 1;
        while (high - low > 1e-9)
            (std::erfc(-(low + high) / 2 / std::sqrt(2.0)) / 2 < share ? low : high) = (low + high) / 2;
        x = float(low);
    }
    return u;
}

// A network of fixed sizes.
class Network {
   public:
    Network(Ort::Env& env, const std::string& folder, const Json& about)
        : session_(env, (folder + "/" + about["file"].get<std::string>()).c_str(), Ort::SessionOptions{}),
          outputs_(about["outputs"].get<std::vector<std::string>>()) {
        Ort::AllocatorWithDefaultOptions allocator;
        for (size_t i = 0; i < session_.GetInputCount(); ++i) {
            names_.push_back(session_.GetInputNameAllocated(i, allocator).get());
            shapes_.push_back(about["inputs"][names_.back()].get<std::vector<int64_t>>());
        }
    }

    // Inputs in the network's order -> outputs in that of player.json.
    std::vector<Vector> operator()(std::vector<Vector> inputs) {
        const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
        std::vector<Ort::Value> values;
        std::vector<const char*> names, outputs;
        for (size_t i = 0; i < inputs.size(); ++i) {
            names.push_back(names_[i].c_str());
            values.push_back(Ort::Value::CreateTensor<float>(memory, inputs[i].data(), inputs[i].size(),
                                                             shapes_[i].data(), shapes_[i].size()));
        }
        for (const auto& name : outputs_) outputs.push_back(name.c_str());
        const auto made = session_.Run(Ort::RunOptions{nullptr}, names.data(), values.data(), values.size(),
                                       outputs.data(), outputs.size());
        std::vector<Vector> results;
        for (const auto& value : made) {
            const float* data = value.GetTensorData<float>();
            results.emplace_back(data, data + value.GetTensorTypeAndShapeInfo().GetElementCount());
        }
        return results;
    }

   private:
    Ort::Session session_;
    std::vector<std::string> names_, outputs_;
    std::vector<std::vector<int64_t>> shapes_;
};

class Player {
   public:
    Player(const std::string& folder, const Json& about, int64_t seed)
        : seed_(seed), about_(about), window_(about["window"]), step_(about["window_latents"]),
          hop_(about["hop_length"]), fft_(about["fft_length"]), per_(about["frames_per_latent"]),
          bins_(fft_ / 2 + 1) {
        for (const char* name : {"generator", "refiner", "decoder2", "decoder1"})
            if (about["networks"].contains(name))
                networks_.emplace(name, Network(env_, folder, about["networks"][name]));
        spectrum_.resize(bins_);
        time_.resize(fft_);
        plan_ = fftwf_plan_dft_c2r_1d(int(fft_), reinterpret_cast<fftwf_complex*>(spectrum_.data()), time_.data(),
                                      FFTW_ESTIMATE);
    }
    ~Player() { fftwf_destroy_plan(plan_); }
    Player(const Player&) = delete;

    // Calls `take(samples [n][2])` with consecutive blocks of latents 0 .. n_latents - 1.
    template <class Take>
    void play(int64_t n_latents, Take take) {
        const int64_t edge = (fft_ - hop_) / 2, n = step_ * per_ * hop_, end = n_latents * per_ * hop_;
        std::array<Vector, 2> sums{Vector(n + 3 * hop_), Vector(n + 3 * hop_)};
        for (int64_t window = -1; window * n - edge < end; ++window) {
            add_window(window, sums);
            const int64_t at = window * n - edge;
            Vector block;
            for (int64_t i = std::max<int64_t>(-at, 0); i < std::min(end - at, n); ++i)
                for (const Vector& side : sums) block.push_back(limited(side[i]));
            if (!block.empty()) take(block);
            for (Vector& side : sums) {  // what overlaps the next window comes first
                std::move(side.begin() + n, side.end(), side.begin());
                std::fill(side.begin() + 3 * hop_, side.end(), 0.0f);
            }
        }
    }

   private:
    Vector noise(const std::string& name, int64_t index, int64_t size = 0) const {
        if (!size) size = about_["networks"][name]["inputs"]["noise"][1];
        return normal(seed_, about_["streams"][name + "_noise"], index, size);
    }

    double drawn(int64_t row, double bound) const {
        return truncated_normal(seed_, about_["streams"]["conditioning"], row, 1, bound)[0];
    }

    double bpm() const {
        const double low = about_["tempo_range"][0], high = about_["tempo_range"][1];
        const double whole = std::nearbyint((low + high) / 2 + drawn(0, 2) / 2 * (high - low) / 2);
        return std::clamp(std::clamp(whole, std::ceil(low), std::floor(high)), low, high);
    }

    // The value of one channel of a signal at a position, in its unit.
    double value(const Json& row, size_t channel, int64_t position) const {
        const std::string kind = row["kind"];
        if (kind == "tempo") return bpm();
        if (kind == "clock") {
            const double seconds = (position + 0.5) * per_ * hop_ / about_["sample_rate"].get<double>();
            const double bars = seconds * bpm() / 60 / row["beats_per_bar"].get<double>();
            const size_t n = row["harmonics"].size();
            const double angle = 2 * PI * (bars - std::floor(bars)) * row["harmonics"][channel % n].get<double>();
            return channel < n ? std::cos(angle) : std::sin(angle);
        }
        if (kind == "liked") {
            const Vector liking = normal(seed_, about_["streams"]["conditioning"], row["row"], row["n_values"]);
            const auto best = std::max_element(liking.begin(), liking.begin() + row["pieces"].size());
            return row["pieces"][best - liking.begin()];
        }
        const double made = row["centre"].get<double>() + row["spread"].get<double>() * drawn(row["row"], 1);
        return std::clamp(made, row["lowest"][0].get<double>(), row["highest"][0].get<double>());
    }

    // Coordinates of the generator's window, [window][channels].
    Vector coordinates(int64_t index) const {
        const int64_t size = about_["anchor_size"], span = 2 * about_["anchor_spacing"].get<int64_t>();
        const double bound = 2.0;  // the truncation
        const Vector style = truncated_normal(seed_, about_["streams"]["style"], 0, size, bound);
        std::map<int64_t, Vector> anchors;
        Vector result;
        for (int64_t i = 0; i < window_; ++i) {
            const int64_t position = index * window_ + i, half_steps = 2 * position + 1 - window_;
            const int64_t before = floor_div(half_steps, span);
            const float share = float(half_steps - before * span) / float(span);
            for (int64_t k : {before, before + 1})
                if (!anchors.count(k))
                    anchors[k] = truncated_normal(seed_, about_["streams"]["anchors"], k, size, bound);
            for (int64_t k = 0; k < size; ++k)
                result.push_back(anchors[before][k] * (1 - share) + anchors[before + 1][k] * share);
            result.insert(result.end(), style.begin(), style.end());
            for (const Json& row : about_["conditioning"])
                for (size_t k = 0; k < row["mean"].size(); ++k)
                    result.push_back(float((value(row, k, position) - row["mean"][k].get<double>()) /
                                           row["deviation"][k].get<double>()));
        }
        return result;
    }

    // The generator's window: latents, the refiner's noise on them, and the conditioning that they follow.
    const std::array<Vector, 3>& generated(int64_t index) {
        if (!generated_.count(index)) {
            if (generated_.size() > 2) generated_.erase(generated_.begin());
            const Vector line = coordinates(index), mean = about_["latent_mean"], deviation = about_["latent_deviation"];
            const size_t channels = line.size() / window_, size = about_["anchor_size"];
            Vector latents = networks_.at("generator")({line, noise("generator", index)})[0], conditioning;
            for (size_t i = 0; i < latents.size(); ++i)
                latents[i] = latents[i] * deviation[i % mean.size()] + mean[i % mean.size()];
            for (size_t i = 0; i < line.size(); ++i)
                if (i % channels >= 2 * size) conditioning.push_back(line[i]);
            const Vector drawn = about_.contains("refiner") ? noise("refiner", index, latents.size()) : Vector();
            generated_[index] = {latents, drawn, conditioning};
        }
        return generated_[index];
    }

    // Latents of a window, which a refiner makes of those generated and of the ends of its neighbours.
    Vector refined(int64_t index) {
        if (!about_.contains("refiner")) return generated(index)[0];
        const int64_t apart = window_ - about_["refiner"]["margin"].get<int64_t>();
        std::vector<Vector> inputs;
        for (int part : {0, 1, 2}) {
            Vector all;
            for (int64_t i = index - 1; i <= index + 1; ++i)
                all.insert(all.end(), generated(i)[part].begin(), generated(i)[part].end());
            const int64_t n = all.size() / (3 * window_);
            if (n > 0) inputs.emplace_back(all.begin() + apart * n, all.end() - apart * n);
        }
        return networks_.at("refiner")(inputs)[0];
    }

    // The latent at a position.
    const float* latent(int64_t position) {
        const int64_t index = floor_div(position, window_), channels = about_["latent_mean"].size();
        if (!made_.count(index)) {
            if (made_.size() > 1) made_.erase(made_.begin());
            made_[index] = refined(index);
        }
        return &made_[index][(position - index * window_) * channels];
    }

    // Decodes one channel of a window: spectra [frames][bins].
    std::vector<std::complex<float>> decoded(int64_t window, int64_t channel) {
        const int64_t size = about_["latent_size"];
        Vector latents;
        for (int64_t i = 0; i < step_; ++i) {
            const float* from = latent(window * step_ + i) + channel * size;
            latents.insert(latents.end(), from, from + size);
        }
        const Vector level1 = networks_.at("decoder2")({latents, noise("decoder2", window)})[0];
        const auto made = networks_.at("decoder1")({level1, noise("decoder1", window)});
        const float range = about_["spectrum"]["db_range"], offset = about_["spectrum"]["db_offset"];
        const float floor = about_["spectrum"]["floor"], per_db = float(std::log(10.0) / 10);
        std::vector<std::complex<float>> spectra;
        for (size_t i = 0; i < made[0].size(); ++i) {
            const float amplitude = std::sqrt(std::exp((made[0][i] * range - offset) * per_db) + floor);
            spectra.emplace_back(amplitude * made[1][i], amplitude * made[2][i]);
        }
        return spectra;
    }

    // Parametric stereo: what the decoded channel is multiplied by on both sides, [bands] each, in frame `frame`.
    std::array<std::vector<std::complex<float>>, 2> turns(int64_t window, int64_t frame) {
        const int64_t bands = about_["stereo"]["bands"], size = about_["latent_size"];
        const double place = (frame + 0.5) / per_ - 0.5;  // in latents, from the centre of the window's first
        const int64_t before = int64_t(std::floor(place));
        const float share = float(place - before);
        Vector numbers(2 * bands);
        for (int64_t k = 0; k < 2 * bands; ++k)
            numbers[k] = latent(window * step_ + before)[size + k] * (1 - share);
        for (int64_t k = 0; k < 2 * bands; ++k)
            numbers[k] = std::clamp(numbers[k] + latent(window * step_ + before + 1)[size + k] * share, -1.0f, 1.0f);
        std::array<std::vector<std::complex<float>>, 2> result;
        for (int64_t k = 0; k < bands; ++k) {
            const double half = (1 - numbers[bands + k]) * PI / 4;
            const double left = std::sqrt(2.0) * std::sin(PI / 4 * (1 - numbers[k]));
            const double right = std::sqrt(2.0) * std::sin(PI / 4 * (1 + numbers[k]));
            const double tilt = std::atan2((right - left) * std::sin(half), (left + right) * std::cos(half));
            result[0].emplace_back(std::polar(left, tilt + half));
            result[1].push_back({float(right * std::cos(tilt - half)), float(right * std::sin(tilt - half))});
        }
        return result;
    }

    // Adds the frames of a decoder window to the two sides' sums.
    void add_window(int64_t window, std::array<Vector, 2>& sums) {
        const bool parametric = about_["stereo"]["layout"] == "parametric";
        const auto first = decoded(window, 0), second = parametric ? first : decoded(window, 1);
        std::vector<int> band_of_bin, turn;
        if (parametric) {
            band_of_bin = about_["stereo"]["band_of_bin"].get<std::vector<int>>();
            turn = about_["stereo"]["turns"].get<std::vector<int>>();
        }
        for (int64_t frame = 0; frame < step_ * per_; ++frame) {
            const auto factors = parametric ? turns(window, frame) : decltype(turns(0, 0)){};
            for (int side = 0; side < 2; ++side) {
                const auto* from = (side ? second : first).data() + frame * bins_;
                for (int64_t k = 0; k < bins_; ++k) {
                    spectrum_[k] = from[k];
                    if (parametric) {
                        const std::complex<float> factor = factors[side][band_of_bin[k]];
                        spectrum_[k] *= turn[k] > 0 ? factor : std::conj(factor);
                    }
                }
                fftwf_execute(plan_);
                for (int64_t i = 0; i < fft_; ++i) {
                    const double hann = (0.5 - 0.5 * std::cos(2 * PI * i / fft_)) / 1.5;
                    sums[side][frame * hop_ + i] += float(time_[i] / fft_ * hann);
                }
            }
        }
    }

    float limited(float sample) const {
        const float knee = about_["limiter"]["knee"], room = about_["limiter"]["ceiling"].get<float>() - knee;
        const float inside = std::clamp(sample, -knee, knee);
        return inside + room * std::tanh((sample - inside) / room);
    }

    Ort::Env env_;
    const int64_t seed_;
    const Json about_;
    const int64_t window_, step_, hop_, fft_, per_, bins_;
    std::map<std::string, Network> networks_;
    std::map<int64_t, std::array<Vector, 3>> generated_;
    std::map<int64_t, Vector> made_;
    std::vector<std::complex<float>> spectrum_;
    Vector time_;
    fftwf_plan plan_;
};

// The header of a WAV file of 16-bit stereo.
void write_header(std::ofstream& file, uint32_t rate, uint32_t n_samples) {
    const auto number = [&](uint32_t value, int bytes) {
        for (int i = 0; i < bytes; ++i) file.put(char(value >> 8 * i));
    };
    file << "RIFF";
    number(36 + 4 * n_samples, 4);
    file << "WAVEfmt ";
    number(16, 4), number(1, 2), number(2, 2), number(rate, 4), number(4 * rate, 4), number(4, 2), number(16, 2);
    file << "data";
    number(4 * n_samples, 4);
}

int main(int argc, char** argv) {
    if (argc != 5) {
        std::cerr << "usage: player FOLDER OUT.wav SEED SECONDS\n";
        return 2;
    }
    try {
        const std::string path = std::string(argv[1]) + "/player.json";
        std::ifstream described(path);
        if (!described) throw std::runtime_error(path + ": can't be read; give what musika-tf export wrote");
        const Json about = Json::parse(described);
        const uint32_t rate = about["sample_rate"], per_latent = about["samples_per_latent"];
        int64_t left = std::llround(std::stod(argv[4]) * rate);
        std::ofstream file(argv[2], std::ios::binary);
        write_header(file, rate, uint32_t(left));
        Player player(argv[1], about, std::stoll(argv[3]));
        player.play((left + per_latent - 1) / per_latent, [&](const Vector& block) {
            const int64_t n = std::min<int64_t>(left, block.size() / 2);
            for (int64_t i = 0; i < 2 * n; ++i) {
                const auto value = uint16_t(int16_t(std::lround(block[i] * 32767)));
                file.put(char(value)), file.put(char(value >> 8));
            }
            left -= n;
        });
    } catch (const std::exception& error) {
        std::cerr << "player: " << error.what() << "\n";
        return 1;
    }
}
