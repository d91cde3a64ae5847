# frozen_string_literal: true

require "fileutils"

module Bench
  # The results as Markdown: the table to compare, then every peer's own figures.
  class Report
    BASE = "nginx"
    OURS = "thrust"
    NONE = "–"

    def initialize(results, settings:)
      @results = results
      @settings = settings
    end

    def to_s
      [ heading, table(comparison_header, @results.map { comparison(_1) }),
        "## Figures by peer", table(%w[workload peer cost (min–max) req/s PSS fresh\ RSS errors], figures) ].join("\n\n") + "\n"
    end

    # Returns the path of the new file; an earlier one of the same day and commit stays.
    def save(directory = File.join(ROOT, "bench/results"))
      FileUtils.mkdir_p(directory)
      stem = File.join(directory, "#{Host.today}-#{Host.commit}")
      path = (1..).lazy.map { |number| number == 1 ? "#{stem}.md" : "#{stem}-#{number}.md" }.find { !File.exist?(_1) }
      File.write(path, to_s)
      path
    end

    private

    def heading
      <<~TEXT.strip
        # Benchmark, #{Host.today}, commit #{Host.commit}

        #{Host.describe}. #{@settings}.
        CPU per request in µs and its ratio to nginx in the same round: median (min–max). idle: KiB of RSS per connection;
        rss: the most MiB it ever had; start: ms from exec to listening; calm, restart: longest wait of a request in ms.
      TEXT
    end

    def others = @results.flat_map(&:peer_names).uniq - [ BASE, OURS ]

    def comparison_header = [ "workload", BASE, OURS, "ratio (min–max)", "goal", "bar", *others, "errors" ]

    def comparison(result)
      workload = result.workload
      [ workload.name, cost(result, BASE), cost(result, OURS), ratio(result, OURS), limit(workload, workload.goal),
        bar(result), *others.map { ratio(result, _1) }, all_faults(result) ]
    end

    def figures
      @results.flat_map do |result|
        result.peer_names.map do |peer|
          [ result.workload.name, peer, cost(result, peer), range(clean_cost(result, peer)),
            whole(result.detail(peer, :requests_per_second)), round(result.detail(peer, :pss)&.median),
            whole(result.detail(peer, :fresh_rss)), faults(result, peer) ]
        end
      end
    end

    def clean_cost(result, peer) = result.faults(peer).any? ? nil : result.cost(peer)

    def cost(result, peer)
      spread = clean_cost(result, peer)
      spread ? "#{round(spread.median)} #{result.workload.unit}" : NONE
    end

    def ratio(result, peer)
      return NONE if [ peer, BASE ].any? { result.faults(_1).any? }

      spread = result.ratio(peer, BASE)
      spread ? "#{round(spread.median)} #{range(spread)}" : NONE
    end

    def bar(result)
      workload = result.workload
      return NONE unless workload.bar

      limit = "≤ #{limit(workload, workload.bar)}"
      judged = workload.compared? ? result.ratio(OURS, BASE) : result.cost(OURS)
      return limit if judged.nil? || result.faulty?

      "#{limit} #{judged.median <= workload.bar ? "met" : "**missed**"}"
    end

    def all_faults(result)
      return cell(result.failure) if result.failure

      texts = result.peer_names.flat_map { |peer| result.faults(peer).map { "#{peer}: #{_1}" } }
      texts.empty? ? "0" : texts.join("; ")
    end

    def faults(result, peer)
      result.faults(peer).empty? ? "0" : result.faults(peer).join("; ")
    end

    # Text from elsewhere must not break the table.
    def cell(text) = text.tr("\n|", "  ")

    def limit(workload, value)
      return NONE if value.nil?

      workload.compared? ? format("%.2f", value) : "#{value} #{workload.unit}"
    end

    def range(spread) = spread ? "(#{round(spread.min)}–#{round(spread.max)})" : NONE

    def whole(spread) = spread ? spread.median.round.to_s : NONE

    # Three digits say what the noise allows.
    def round(value)
      return NONE if value.nil?

      value.abs >= 100 ? value.round.to_s : format(value.abs >= 10 ? "%.1f" : "%.2f", value)
    end

    def table(header, rows)
      widths = [ header, *rows ].transpose.map { |column| column.map(&:length).max }
      lines = [ header, widths.map { "-" * _1 }, *rows ]
      lines.map { |cells| "| #{cells.zip(widths).map { |cell, width| cell.ljust(width) }.join(" | ")} |" }.join("\n")
    end
  end
end
