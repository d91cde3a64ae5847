# What one says in a room, everybody in it hears.
class RoomChannel < ApplicationCable::Channel
  def subscribed
    stream_from room
  end

  def say(data)
    ActionCable.server.broadcast(room, { text: data["text"] })
  end

  private
    def room
      "room_#{params[:name]}"
    end
end
